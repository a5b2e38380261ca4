#include "policy/condition.hpp"

#include "policy/trail.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

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

bool in_time(const TimeRange& range, std::uint64_t minute)
{
    return range.from <= range.to ? minute >= range.from && minute < range.to
                                  : minute >= range.from || minute < range.to;
}

bool some_text(const Clause& clause, std::span<const FieldText> texts)
{
    return std::ranges::any_of(texts, [&](const FieldText& text) {
        return std::ranges::any_of(clause.any_of, [&](const Matcher& m) { return matches(m, text); });
    });
}

bool holds(const Clause& clause, const Reading& reading)
{
    if (reading.is_absent()) return wants_absent(clause.any_of);
    switch (clause.field->type) {
        case FieldType::size:
        case FieldType::number:
            return some<SizeRange>(
                clause, [&](const SizeRange& r) { return *reading.number >= r.least && *reading.number <= r.most; });
        case FieldType::network:
            return some<vocabulary::Network>(
                clause, [&](const vocabulary::Network& network) { return network.contains(*reading.ip); });
        case FieldType::boolean:
            return some<bool>(clause, [&](bool due) { return due == *reading.truth; });
        case FieldType::time:
            return some<TimeRange>(clause, [&](const TimeRange& r) { return in_time(r, *reading.number); });
        case FieldType::text:
        case FieldType::word:
        case FieldType::role:
        case FieldType::organisation:
            break;
    }
    return some_text(clause, reading.texts);
}

Truth truth_of(const Clause& clause, const Reading& reading)
{
    if (!reading.known) return Truth::unknown;
    return holds(clause, reading) ? Truth::yes : Truth::no;
}

/// `all` ends at the first no; else an unknown part makes it unknown.
Truth both(Truth a, Truth b)
{
    return std::min(a, b);
}

/// What all these clauses say of one attachment.
Truth attachment_holds(const Condition& condition, FieldValues& values, std::size_t attachment)
{
    auto truth = Truth::yes;
    for (const auto& part : condition.parts) {
        truth = both(truth, truth_of(part.clause, values.read_of(*part.clause.field, attachment)));
        if (truth == Truth::no) break;
    }
    return truth;
}

/// The member of an archive that a clause asked for, for ${attachment.member}.
std::string_view member_in(const Condition& condition, FieldValues& values, std::size_t attachment)
{
    for (const auto& part : condition.parts) {
        if (part.clause.field->id != FieldId::attachment_member) continue;
        for (const auto& text : values.read_of(*part.clause.field, attachment).texts)
            if (some_text(part.clause, {&text, 1})) return text.text;
    }
    return {};
}

/// Whether one attachment is as all parts say. Without any, each field is absent. Parts of the message that nobody
/// looked at could be so too.
Truth some_attachment(const Condition& condition, FieldValues& values)
{
    if (values.facts().stage < vocabulary::Stage::message) return Truth::unknown;
    const auto count = values.attachments();
    if (!count) return Truth::unknown;
    auto truth = values.has_unlisted_parts() ? Truth::unknown : Truth::no;
    for (std::size_t i = 0; i < std::max<std::size_t>(*count, 1); ++i) {
        truth = std::max(truth, attachment_holds(condition, values, i));
        if (truth != Truth::yes) continue;
        if (!values.matched.attachment && *count > 0) values.matched = {i, member_in(condition, values, i)};
        break;
    }
    return truth;
}

Truth evaluate_clause(const Clause& clause, FieldValues& values)
{
    return truth_of(clause, values.read(*clause.field, clause.header));
}

std::string field_name(const Clause& clause)
{
    return clause.field->id == FieldId::header ? "header." + clause.header : std::string(clause.field->name);
}

ClauseSeen seen_as(const Condition& condition, const Witness& witness, std::string field)
{
    ClauseSeen seen;
    seen.place = fmt::format("{}:{}:{}", witness.file, condition.place.line, condition.place.column);
    seen.field = std::move(field);
    seen.depth = witness.depth;
    return seen;
}

void witness_clause(const Condition& condition, FieldValues& values, Truth truth, const Witness& witness)
{
    auto seen = seen_as(condition, witness, field_name(condition.clause));
    seen.wanted = condition.clause.wanted;
    seen.saw = values.shown(*condition.clause.field, condition.clause.header);
    seen.held = truth;
    witness.seen->push_back(std::move(seen));
}

std::string_view word_of(Condition::Op op)
{
    switch (op) {
        case Condition::Op::any:
            return "any";
        case Condition::Op::none:
            return "not";
        case Condition::Op::attachment:
            return "one attachment";
        case Condition::Op::all:
        case Condition::Op::clause:
            break;
    }
    return "all";
}

/// Each clause about attachments by itself; that they mean the same attachment is said by the line above them.
void witness_attachment(const Condition& condition, FieldValues& values, Truth truth, Witness witness)
{
    if (condition.parts.size() > 1) {
        witness.seen->push_back(seen_as(condition, witness, std::string(word_of(condition.op))));
        witness.seen->back().held = truth;
        ++witness.depth;
    }
    const auto matched = values.matched;
    for (const auto& part : condition.parts) {
        Condition alone;
        alone.op = Condition::Op::attachment;
        alone.parts.push_back(part);
        witness_clause(part, values, some_attachment(alone, values), witness);
        values.matched = matched;
    }
}

/// `all` ends at the first no, `any` and `none` at the first yes; else an unknown part makes it unknown.
Truth evaluate_group(const Condition& condition, FieldValues& values, const Witness* witness)
{
    const Truth decisive = condition.op == Condition::Op::all ? Truth::no : Truth::yes;
    const auto matched = values.matched;
    bool unknown = false, decided = false;
    for (const auto& part : condition.parts) {
        const Truth truth = evaluate(part, values, witness);
        unknown |= truth == Truth::unknown;
        decided |= truth == decisive;
        if (decided && witness == nullptr) break;
    }
    const bool yes = decided == (condition.op == Condition::Op::any);
    const auto truth = !decided && unknown ? Truth::unknown : yes ? Truth::yes : Truth::no;
    // What a denial or a failed group saw is not what the rule held for.
    if (condition.op == Condition::Op::none || truth != Truth::yes) values.matched = matched;
    return truth;
}

Truth evaluate_witnessed_group(const Condition& condition, FieldValues& values, Witness witness)
{
    const bool headed = condition.op != Condition::Op::all || (witness.depth > 0 && condition.parts.size() > 1);
    const auto line = witness.seen->size();
    if (headed) {
        witness.seen->push_back(seen_as(condition, witness, std::string(word_of(condition.op))));
        ++witness.depth;
    }
    const auto truth = evaluate_group(condition, values, &witness);
    if (headed) (*witness.seen)[line].held = truth;
    return truth;
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

Truth evaluate(const Condition& condition, FieldValues& values, const Witness* witness)
{
    switch (condition.op) {
        case Condition::Op::clause: {
            const auto truth = evaluate_clause(condition.clause, values);
            if (witness != nullptr) witness_clause(condition, values, truth, *witness);
            return truth;
        }
        case Condition::Op::attachment: {
            const auto truth = some_attachment(condition, values);
            if (witness != nullptr) witness_attachment(condition, values, truth, *witness);
            return truth;
        }
        default:
            return witness == nullptr ? evaluate_group(condition, values, nullptr)
                                      : evaluate_witnessed_group(condition, values, *witness);
    }
}

void for_each_clause(const Condition& condition, const std::function<void(const Clause&)>& visit)
{
    if (condition.op == Condition::Op::clause && condition.clause.field != nullptr) visit(condition.clause);
    for (const auto& part : condition.parts) for_each_clause(part, visit);
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
        case Condition::Op::attachment:
            break;
    }
    return false;
}

}  // namespace postern::policy
