#include "policy/condition.hpp"

#include "policy/field_values.hpp"

#include <algorithm>
#include <chrono>

namespace postern::policy {

namespace {

using vocabulary::Facts;
using vocabulary::FieldId;
using vocabulary::FieldType;

bool wants_absent(const std::vector<Matcher>& matchers)
{
    return std::ranges::any_of(matchers, [](const Matcher& m) { return std::holds_alternative<Absent>(m); });
}

/// Whether some matcher of type T holds by `test`.
template <class T, class Test>
bool some(const Clause& clause, Test test)
{
    return std::ranges::any_of(clause.any_of, [&](const Matcher& matcher) {
        const T* value = std::get_if<T>(&matcher);
        return value != nullptr && test(*value);
    });
}

bool in_time(const TimeRange& range, Instant at)
{
    using namespace std::chrono;
    const auto since_midnight = at - floor<days>(at);
    const auto minute = static_cast<unsigned>(duration_cast<minutes>(since_midnight).count());
    return range.from <= range.to ? minute >= range.from && minute < range.to
                                  : minute >= range.from || minute < range.to;
}

bool holds_size(const Clause& clause, const Facts& facts)
{
    if (!facts.size) return wants_absent(clause.any_of);
    return some<SizeRange>(clause, [&](const SizeRange& r) { return *facts.size >= r.least && *facts.size <= r.most; });
}

bool holds_network(const Clause& clause, const Facts& facts)
{
    if (!facts.peer) return wants_absent(clause.any_of);
    return some<vocabulary::Network>(clause, [&](const vocabulary::Network& n) { return n.contains(*facts.peer); });
}

bool holds_truth(const Clause& clause, const Facts& facts)
{
    const auto truth = truth_of(clause.field->id, facts);
    if (!truth) return wants_absent(clause.any_of);
    return some<bool>(clause, [&](bool due) { return due == *truth; });
}

bool holds_text(const Clause& clause, const Facts& facts)
{
    const auto seen = some_text(clause.field->id, clause.header, facts, [&](std::string_view value) {
        return std::ranges::any_of(clause.any_of, [&](const Matcher& m) { return matches(m, value); });
    });
    return seen == Seen::absent ? wants_absent(clause.any_of) : seen == Seen::yes;
}

Truth evaluate_clause(const Clause& clause, const Facts& facts)
{
    if (facts.stage < clause.field->from) return Truth::unknown;
    const auto answer = [](bool holds) { return holds ? Truth::yes : Truth::no; };
    switch (clause.field->type) {
        case FieldType::size:
            return answer(holds_size(clause, facts));
        case FieldType::network:
            return answer(holds_network(clause, facts));
        case FieldType::boolean:
            return answer(holds_truth(clause, facts));
        case FieldType::time:
            return answer(some<TimeRange>(clause, [&](const TimeRange& r) { return in_time(r, facts.time); }));
        case FieldType::text:
        case FieldType::word:
        case FieldType::role:
        case FieldType::organisation:
            return answer(holds_text(clause, facts));
    }
    return Truth::unknown;
}

bool is_members_field(FieldId field)
{
    switch (field) {
        case FieldId::recipient_organisation:
        case FieldId::recipient_organisation_kind:
        case FieldId::recipient_organisation_kind_of_body:
        case FieldId::recipient_organisation_role:
        case FieldId::recipient_function:
            return true;
        default:
            return false;
    }
}

/// Whether each value of the clause is the one given.
bool only(const Clause& clause, bool truth)
{
    return std::ranges::all_of(clause.any_of, [&](const Matcher& m) {
        const auto* value = std::get_if<bool>(&m);
        return value != nullptr && *value == truth;
    });
}

bool only(const Clause& clause, std::string_view word)
{
    return std::ranges::all_of(clause.any_of, [&](const Matcher& m) {
        const auto* value = std::get_if<Exactly>(&m);
        return value != nullptr && value->text == word;
    });
}

bool clause_keeps_inside(const Clause& clause)
{
    if (clause.field == nullptr) return false;
    if (clause.field->id == FieldId::recipient_inside) return only(clause, true);
    if (clause.field->id == FieldId::origin) return only(clause, std::string_view("alert"));
    return is_members_field(clause.field->id) && !wants_absent(clause.any_of);
}

/// Whether its not holding keeps mail inside: `not: { recipient.inside: false }`.
bool denial_keeps_inside(const Condition& denied)
{
    if (denied.op == Condition::Op::all) return denied.parts.size() == 1 && denial_keeps_inside(denied.parts.front());
    const auto* field = denied.clause.field;
    return denied.op == Condition::Op::clause && field != nullptr && field->id == FieldId::recipient_inside &&
           some<bool>(denied.clause, [](bool inside) { return !inside; });
}

}  // namespace

Truth evaluate(const Condition& condition, const Facts& facts)
{
    if (condition.op == Condition::Op::clause) return evaluate_clause(condition.clause, facts);
    // `all` ends at the first no, `any` and `none` at the first yes; else an unknown part makes it unknown.
    const Truth decisive = condition.op == Condition::Op::all ? Truth::no : Truth::yes;
    bool unknown = false, decided = false;
    for (const auto& part : condition.parts) {
        const Truth truth = evaluate(part, facts);
        unknown |= truth == Truth::unknown;
        decided = truth == decisive;
        if (decided) break;
    }
    if (!decided && unknown) return Truth::unknown;
    const bool holds = condition.op == Condition::Op::any ? decided : !decided;
    return holds ? Truth::yes : Truth::no;
}

bool keeps_mail_inside(const Condition& condition)
{
    switch (condition.op) {
        case Condition::Op::clause:
            return clause_keeps_inside(condition.clause);
        case Condition::Op::all:
            return std::ranges::any_of(condition.parts, keeps_mail_inside);
        case Condition::Op::any:
            return !condition.parts.empty() && std::ranges::all_of(condition.parts, keeps_mail_inside);
        case Condition::Op::none:
            return std::ranges::any_of(condition.parts, denial_keeps_inside);
    }
    return false;
}

bool is_shadowed(const When& later, const When& earlier)
{
    if (!earlier.condition) return true;
    if (!later.condition) return false;
    if (later.condition->canonical == earlier.condition->canonical) return true;
    const auto& wider = *earlier.condition;
    const auto& narrower = *later.condition;
    if (wider.op != Condition::Op::all || narrower.op != Condition::Op::all) return false;
    return std::ranges::all_of(wider.parts, [&](const Condition& part) {
        return std::ranges::find(narrower.parts, part.canonical, &Condition::canonical) != narrower.parts.end();
    });
}

}  // namespace postern::policy
