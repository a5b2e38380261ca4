// `when:` compiled: a typed tree, evaluated over the facts of one recipient at one stage.
//
// Immutable; shared by all threads and by generations. Evaluation allocates little and cannot fail; its three
// answers are those of policy.md. Who wants to know why gives it a list to fill; without one it costs nothing.
#pragma once

#include "policy/document.hpp"
#include "policy/field_values.hpp"
#include "policy/matcher.hpp"
#include "policy/source.hpp"
#include "vocabulary/fields.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::policy {

/// unknown: a field that is needed to decide is not known yet or cannot be looked up.
enum class Truth { no, unknown, yes };

struct ClauseSeen;

/// One field with the values that it is compared with: any of them.
struct Clause {
    const vocabulary::FieldInfo* field = nullptr;
    std::string header;  ///< name behind "header."
    std::vector<Matcher> any_of;
    std::string wanted;  ///< as written: "*.exe, *.scr"
};

/// A name in a condition that must exist elsewhere in the policy.
struct NamedIn {
    enum class What { organisation, role, listener } what = What::organisation;
    std::string name;
    Place place;
};

struct Condition {
    /// attachment: its parts are clauses about attachments, and hold for one and the same.
    enum class Op : std::uint8_t { all, any, none, attachment, clause };
    Op op = Op::all;
    std::vector<Condition> parts;  ///< none: holds if no part does
    Clause clause;
    Place place;
    std::string canonical;  ///< two conditions that say the same in the same words have the same
};

/// A condition with what the rest of the policy must provide for it.
struct When {
    std::shared_ptr<const Condition> condition;  ///< null: always
    std::vector<NamedIn> names;
};

/// Reads `when:`. Fields that exist only after `stage`, unknown ones and values of the wrong type are errors.
[[nodiscard]] When read_condition(Source& source, const YamlNode* node, vocabulary::Stage stage);

/// Where an evaluation tells what it saw: every clause, in the order in which they stand.
struct Witness {
    std::string_view file;  ///< for places: "content.yaml"
    std::vector<ClauseSeen>* seen = nullptr;
    unsigned depth = 0;
};

/// Sets `values.matched` where an attachment decided. With a witness no clause is passed over; the answer is the same.
[[nodiscard]] Truth evaluate(const Condition& condition, FieldValues& values, const Witness* witness = nullptr);
/// An absent condition holds.
[[nodiscard]] inline Truth evaluate(const When& when, FieldValues& values, const Witness* witness = nullptr)
{
    return when.condition ? evaluate(*when.condition, values, witness) : Truth::yes;
}
[[nodiscard]] inline Truth evaluate(const When& when, const vocabulary::Facts& facts)
{
    FieldValues values(facts);
    return evaluate(when, values);
}
/// Calls `visit` for each clause, wherever it stands.
void for_each_clause(const Condition& condition, const std::function<void(const Clause&)>& visit);

/// Whether this can hold only for recipients that are members, or for alerts: the guarantee of routing.yaml.
[[nodiscard]] bool keeps_mail_inside(const Condition& condition);

}  // namespace postern::policy
