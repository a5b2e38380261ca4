// Which rules of a file can hold for a recipient at all: so that deciding does not cost more with every rule that
// someone adds for somebody else.
//
// A rule is found by values that one of its clauses needs: an exact one, or what a text must begin with or end in.
// Rules without such a clause are always asked, and so are those whose field is not known. Built once for each
// generation, immutable, all threads.
#pragma once

#include "base/text.hpp"
#include "policy/rule.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::policy {

/// Numbers of rules, ascending.
using RuleNumbers = std::vector<std::uint32_t>;

class RuleIndex {
public:
    RuleIndex() = default;
    template <class Rules>
    explicit RuleIndex(const Rules& rules)
    {
        std::uint32_t number = 0;
        for (const auto& rule : rules) add(number++, rule.when);
    }

    /// The rules that may hold, or can't be decided.
    [[nodiscard]] RuleNumbers candidates(FieldValues& values) const;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    /// How a value is cut before it is looked up: whole, or so many bytes from one end.
    struct Cut {
        enum class End : std::uint8_t { whole, front, back } end = End::whole;
        std::uint8_t length = 0;
        friend bool operator==(const Cut&, const Cut&) = default;
    };
    struct Key {
        const vocabulary::FieldInfo* field;
        std::string header;  ///< lower case
        Cut cut;
        std::string text;  ///< lower case
    };
    using Keys = std::vector<Key>;
    /// One field, with the values that rules need of it.
    struct Table {
        const vocabulary::FieldInfo* field = nullptr;
        RuleNumbers rules;  ///< all that are found by this field
        struct Slice {
            Cut cut;
            std::unordered_map<std::string, RuleNumbers, TextHash, std::equal_to<>> rules;
        };
        std::vector<Slice> slices;
    };

    void add(std::uint32_t number, const When& when);
    [[nodiscard]] static std::optional<Keys> keys_of(const Condition& condition);
    [[nodiscard]] static std::optional<Keys> keys_of(const Clause& clause);
    [[nodiscard]] static std::size_t cost(const Keys& keys);
    [[nodiscard]] Table& table_of(const Key& key);
    void look_up_headers(FieldValues& values, std::vector<std::uint64_t>& bits) const;
    static void look_up(const Table& table, const FieldText& text, std::vector<std::uint64_t>& bits);

    std::size_t size_ = 0;
    RuleNumbers always_;
    std::vector<Table> tables_;
    std::unordered_map<std::string, std::size_t> table_numbers_;
    /// Tables of header fields by lower-case name: a message is asked for the fields that it has.
    std::unordered_map<std::string, Table, TextHash, std::equal_to<>> headers_;
};

}  // namespace postern::policy
