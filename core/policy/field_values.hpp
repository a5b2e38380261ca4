// The facts of one recipient as conditions and texts read them: the only place that knows which fact a field's name
// stands for. What has to be decoded or put into lower case is so once, however many rules ask.
//
// Lives for one decision on one thread; borrows the facts, and what it gives is good for as long as it lives.
#pragma once

#include "policy/matcher.hpp"
#include "vocabulary/fields.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::policy {

/// The values of one field, in the member that its type asks for.
struct Reading {
    bool known = true;                    ///< false: not known yet, or nobody could find out
    std::span<const FieldText> texts;     ///< text, word, role, organisation: all values; none: absent
    std::optional<std::uint64_t> number;  ///< size, number; time: minutes since midnight
    std::optional<bool> truth;            ///< boolean
    const vocabulary::Ip* ip = nullptr;   ///< network

    [[nodiscard]] static Reading unknown()
    {
        Reading reading;
        reading.known = false;
        return reading;
    }
    [[nodiscard]] bool is_absent() const noexcept { return texts.empty() && !number && !truth && ip == nullptr; }
};

class FieldValues {
public:
    explicit FieldValues(const vocabulary::Facts& facts);
    FieldValues(const FieldValues&) = delete;
    FieldValues& operator=(const FieldValues&) = delete;

    [[nodiscard]] const vocabulary::Facts& facts() const noexcept { return facts_; }

    /// What a field holds. `header`: the name behind "header." for that field. Of a field about attachments: the
    /// values of all of them.
    [[nodiscard]] Reading read(const vocabulary::FieldInfo& field, std::string_view header);
    /// What a field about attachments holds for one of them; `attachment` counts from 0. With no attachment at
    /// all (attachments() is 0) everything is absent.
    [[nodiscard]] Reading read_of(const vocabulary::FieldInfo& field, std::size_t attachment);
    /// How many attachments there are; nothing: not known.
    [[nodiscard]] std::optional<std::size_t> attachments();
    /// Lower-case names of the header's fields, sorted; a name as often as it stands there.
    [[nodiscard]] std::vector<std::string_view> header_names();
    /// Whether there may be attachments that were not listed.
    [[nodiscard]] bool has_unlisted_parts() const noexcept;

    /// The attachment, and the member of an archive, that the last rule held for: texts speak of that one.
    struct Matched {
        std::optional<std::size_t> attachment;
        std::string_view member;
    };
    Matched matched;

    /// As ${...} writes it: the first value, or that of the matched attachment; empty where absent or unknown.
    [[nodiscard]] std::string text_of(const vocabulary::FieldInfo& field, std::string_view header);
    /// As explain shows it: all values, cut; "absent"; "not known".
    [[nodiscard]] std::string shown(const vocabulary::FieldInfo& field, std::string_view header);

private:
    using Texts = std::vector<FieldText>;
    struct Attachment {
        const mail::Part* part = nullptr;
        const vocabulary::PartInspection* seen = nullptr;
        const vocabulary::Recorded::Fields* recorded = nullptr;  ///< in place of both
        std::array<std::optional<Texts>, 5> texts;               ///< name, type, detected type, digest, members
    };
    struct Named {
        std::string lower;
        const mail::Field* field;
    };

    [[nodiscard]] Reading texts(vocabulary::FieldId field);
    [[nodiscard]] Reading remembered(const vocabulary::FieldInfo& field, const std::vector<std::string>& values);
    [[nodiscard]] const Texts& header_texts(std::string_view name);
    [[nodiscard]] const Texts& attachment_texts(vocabulary::FieldId field, Attachment& attachment);
    void fill(vocabulary::FieldId field, Texts& into);
    void add_address(const mail::Address* address, const vocabulary::Organisation* organisation, Texts& into);
    void add_domain(const mail::Address* address, const vocabulary::Organisation* organisation, Texts& into);
    void add_addresses(std::string_view header, bool own_in_both_forms, Texts& into);
    void add(std::string_view text, Texts& into);
    [[nodiscard]] std::string_view keep(std::string text);
    void list_attachments();
    void list_header();

    static constexpr auto fields = static_cast<std::size_t>(vocabulary::FieldId::header) + 1;

    const vocabulary::Facts& facts_;
    std::deque<std::string> kept_;
    std::deque<Texts> remembered_;
    std::array<std::optional<Texts>, fields> texts_;
    std::vector<Named> header_names_;  ///< sorted by name, then by place
    bool header_listed_ = false;
    std::unordered_map<std::string_view, Texts> headers_;
    std::vector<Attachment> attachments_;
    bool attachments_listed_ = false;
};

}  // namespace postern::policy
