// `when:` compiled: a typed tree, evaluated over the facts of one recipient at one stage.
//
// Immutable; shared by all threads and by generations. Evaluation allocates little and cannot fail; its three
// answers are those of policy.md.
#pragma once

#include "policy/document.hpp"
#include "policy/matcher.hpp"
#include "policy/source.hpp"
#include "vocabulary/fields.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::policy {

/// unknown: a field that is needed to decide is not known yet or cannot be looked up.
enum class Truth { no, unknown, yes };

/// One field with the values that it is compared with: any of them.
struct Clause {
    const vocabulary::FieldInfo* field = nullptr;
    std::string header;  ///< name behind "header."
    std::vector<Matcher> any_of;
};

/// A name in a condition that must exist elsewhere in the policy.
struct NamedIn {
    enum class What { organisation, role } what = What::organisation;
    std::string name;
    Place place;
};

struct Condition {
    enum class Op { all, any, none, clause };
    Op op = Op::all;
    std::vector<Condition> parts;  ///< none: holds if no part does
    Clause clause;
    std::string canonical;  ///< two conditions that say the same in the same words have the same
};

/// A condition with what the rest of the policy must provide for it.
struct When {
    std::shared_ptr<const Condition> condition;  ///< null: always
    std::vector<NamedIn> names;
};

/// Reads `when:`. Fields that exist only after `stage`, unknown ones and values of the wrong type are errors.
[[nodiscard]] When read_condition(Source& source, const YamlNode* node, vocabulary::Stage stage);

[[nodiscard]] Truth evaluate(const Condition& condition, const vocabulary::Facts& facts);
/// An absent condition holds.
[[nodiscard]] inline Truth evaluate(const When& when, const vocabulary::Facts& facts)
{
    return when.condition ? evaluate(*when.condition, facts) : Truth::yes;
}

/// Whether this can hold only for recipients that are members, or for alerts: the guarantee of routing.yaml.
[[nodiscard]] bool keeps_mail_inside(const Condition& condition);
/// Whether `later` holds only where `earlier` does, as far as its words show.
[[nodiscard]] bool is_shadowed(const When& later, const When& earlier);

}  // namespace postern::policy
