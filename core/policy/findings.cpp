#include "policy/findings.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::FieldId;
using vocabulary::FindingVerdict;
using vocabulary::Obstacle;
using Verdict = ContentDecision::Verdict;

constexpr std::string_view virus_prefix = "virus ";
constexpr std::string_view unscannable_prefix = "unscannable ";
constexpr std::string_view between_names = ", ";

bool asks_for(const Clause& clause, std::string_view word)
{
    return std::ranges::any_of(clause.any_of, [&](const Matcher& m) { return matches(m, FieldText{word, word}); });
}

/// Whether this clause can hold for true: attachment.encrypted: true.
bool asks_for_truth(const Clause& clause)
{
    return std::ranges::any_of(clause.any_of, [](const Matcher& matcher) {
        const auto* wanted = std::get_if<bool>(&matcher);
        return wanted != nullptr && *wanted;
    });
}

bool asks_for_presence(const Clause& clause)
{
    return std::ranges::any_of(clause.any_of, [](const Matcher& m) { return !std::holds_alternative<Absent>(m); });
}

void note(const Clause& clause, AskedFindings& asked)
{
    const auto mark = [&](Obstacle obstacle, bool is_asked) {
        auto& flag = asked.obstacles[static_cast<std::size_t>(obstacle)];
        flag = flag || is_asked;
    };
    switch (clause.field->id) {
        case FieldId::message_virus:
            asked.viruses = asked.viruses || asks_for_presence(clause);
            return;
        case FieldId::message_unscannable:
            for (std::size_t i = 0; i < vocabulary::obstacle_count; ++i)
                mark(static_cast<Obstacle>(i), asks_for(clause, vocabulary::obstacle_names[i]));
            return;
        case FieldId::attachment_encrypted:
            return mark(Obstacle::encrypted, asks_for_truth(clause));
        case FieldId::attachment_broken:
            return mark(Obstacle::broken, asks_for_truth(clause));
        case FieldId::attachment_macros:
            return mark(Obstacle::macros, asks_for_truth(clause));
        default:
            return;
    }
}

void collect(const Condition& condition, AskedFindings& asked)
{
    if (condition.op == Condition::Op::none) return;
    const bool named = condition.clause.field != nullptr;  // else the file names no field that there is
    if (condition.op == Condition::Op::clause && named) note(condition.clause, asked);
    for (const auto& part : condition.parts) collect(part, asked);
}

/// Names behind the prefix of an earlier decision's rule_name.
std::vector<std::string_view> names_in(std::span<const std::string> rules, std::string_view prefix)
{
    std::vector<std::string_view> names;
    for (std::string_view rule : rules) {
        if (!rule.starts_with(prefix)) continue;
        rule.remove_prefix(prefix.size());
        for (std::size_t end = 0; end != std::string_view::npos;) {
            end = rule.find(between_names);
            names.push_back(rule.substr(0, end));
            if (end != std::string_view::npos) rule.remove_prefix(end + between_names.size());
        }
    }
    return names;
}

/// Without what would end a name in a list of them.
std::vector<std::string> virus_names(const vocabulary::Inspection& seen)
{
    std::vector<std::string> names;
    for (const auto& virus : seen.viruses) {
        names.push_back(printable(virus.signature, 100));
        std::ranges::replace(names.back(), ',', '.');
    }
    return names;
}

FindingVerdict strictness(Verdict verdict)
{
    switch (verdict) {
        case Verdict::reject:
            return FindingVerdict::reject;
        case Verdict::quarantine:
            return FindingVerdict::quarantine;
        case Verdict::defer:
            return FindingVerdict::defer;
        case Verdict::deliver:
        case Verdict::hold:
            break;
    }
    return FindingVerdict::accept;
}

/// One verdict that findings ask for, with everything that people read about it.
struct Meaning {
    FindingVerdict verdict = FindingVerdict::accept;
    std::string label;      ///< "content.yaml viruses"
    std::string rule_name;  ///< what a release names: "virus Eicar-Test-Signature"
    std::string field;      ///< "message.virus"
    std::string saw;
    std::string reason;  ///< for administrators
    std::string told;    ///< to the sender
};

std::optional<Meaning> meaning_of_viruses(const FindingVerdicts& declared, const vocabulary::Inspection& seen,
                                          const AskedFindings& asked, std::span<const std::string> except,
                                          Verdict decided)
{
    if (seen.viruses.empty()) return {};
    const bool stopped = decided == Verdict::reject || decided == Verdict::quarantine;
    if ((asked.viruses && stopped) || is_released(seen, except)) return {};
    const auto names = virus_names(seen);
    Meaning meaning;
    meaning.verdict = declared.viruses;
    meaning.label = "content.yaml viruses";
    meaning.rule_name = release_name(seen);
    meaning.field = "message.virus";
    meaning.saw = fmt::format("{}", fmt::join(names, between_names));
    meaning.reason = fmt::format("virus {} found by {}", meaning.saw, seen.signatures);
    meaning.told = fmt::format("A virus was found in this message: {}. It is not passed on", names.front());
    return meaning;
}

/// The strictest of what is declared for reasons that no rule decided about.
std::optional<Meaning> meaning_of_obstacles(const FindingVerdicts& declared, const vocabulary::Inspection& seen,
                                            const AskedFindings& asked, std::span<const std::string> except)
{
    const auto released = names_in(except, unscannable_prefix);
    Meaning meaning;
    std::vector<std::string_view> names;
    for (const auto& reason : seen.unscannable) {
        const auto obstacle = vocabulary::find_obstacle(reason);
        if (!obstacle || std::ranges::find(released, reason) != released.end()) continue;
        const auto number = static_cast<std::size_t>(*obstacle);
        if (asked.obstacles[number]) continue;
        const auto verdict = declared.unscannable[number];
        if (verdict < meaning.verdict || verdict == FindingVerdict::accept) continue;
        if (verdict > meaning.verdict) {
            names.clear();
            meaning.told =
                fmt::format("This message can't be checked for viruses: {}", vocabulary::info(*obstacle).told);
        }
        meaning.verdict = verdict;
        names.push_back(vocabulary::info(*obstacle).name);
    }
    if (names.empty()) return {};
    meaning.label = fmt::format("content.yaml unscannable.{}", names.front());
    meaning.rule_name = fmt::format("{}{}", unscannable_prefix, fmt::join(names, between_names));
    meaning.field = "message.unscannable";
    meaning.saw = fmt::format("{}", fmt::join(names, between_names));
    meaning.reason = fmt::format("it can't be looked into to the end: {}", meaning.saw);
    return meaning;
}

void tell(const Meaning& meaning, Trail* trail)
{
    if (trail == nullptr) return;
    RuleSeen seen;
    seen.file = "content.yaml";
    seen.rule = meaning.label;
    seen.held = Truth::yes;
    seen.clauses.push_back({"content.yaml", meaning.field, "*", meaning.saw, Truth::yes, 0});
    seen.orders.emplace_back(name_of(meaning.verdict));
    trail->rules.push_back(std::move(seen));
}

void obey(const Meaning& meaning, const std::string& prefix, ContentDecision& decision)
{
    decision.rules.push_back(meaning.label);
    if (meaning.verdict == FindingVerdict::tag) {
        TagOrder order;
        order.rule = meaning.label;
        order.subject_prefix = prefix;
        decision.edits.push_back(std::move(order));
        return;
    }
    decision.rule = meaning.label;
    decision.rule_name = meaning.rule_name;
    decision.reason = meaning.reason;
    decision.lasts.reset();
    decision.fault.reset();
    if (meaning.verdict == FindingVerdict::quarantine) {
        decision.verdict = Verdict::quarantine;
        return;
    }
    const bool reject = meaning.verdict == FindingVerdict::reject;
    decision.verdict = reject ? Verdict::reject : Verdict::defer;
    decision.fault =
        fault(reject ? Retry::never : Retry::later, meaning.reason).tell_peer(reject ? 54 : 51, {7, 1}, meaning.told);
}

}  // namespace

std::array<FindingVerdict, vocabulary::obstacle_count> FindingVerdicts::meant_where_silent()
{
    std::array<FindingVerdict, vocabulary::obstacle_count> verdicts{};
    std::ranges::transform(vocabulary::obstacles(), verdicts.begin(), &vocabulary::ObstacleInfo::meaning);
    return verdicts;
}

void AskedFindings::join(const AskedFindings& other) noexcept
{
    viruses = viruses || other.viruses;
    for (std::size_t i = 0; i < obstacles.size(); ++i) obstacles[i] = obstacles[i] || other.obstacles[i];
}

std::string release_name(const vocabulary::Inspection& seen)
{
    return fmt::format("{}{}", virus_prefix, fmt::join(virus_names(seen), between_names));
}

bool is_released(const vocabulary::Inspection& seen, std::span<const std::string> except)
{
    const auto released = names_in(except, virus_prefix);
    return std::ranges::all_of(virus_names(seen), [&](const std::string& name) {
        return std::ranges::find(released, name) != released.end();
    });
}

AskedFindings asked_by(const When& when)
{
    AskedFindings asked;
    if (when.condition) collect(*when.condition, asked);
    return asked;
}

void meet_findings(const FindingVerdicts& declared, const vocabulary::Inspection& seen, const AskedFindings& asked,
                   std::span<const std::string> except, Trail* trail, ContentDecision& decision)
{
    const auto decided = decision.verdict;
    if (const auto meaning = meaning_of_obstacles(declared, seen, asked, except);
        meaning && meaning->verdict > strictness(decision.verdict)) {
        tell(*meaning, trail);
        obey(*meaning, declared.prefix, decision);
    }
    // Of two that are as strict the virus counts: it is what people must hear of.
    if (const auto meaning = meaning_of_viruses(declared, seen, asked, except, decided);
        meaning && meaning->verdict >= strictness(decision.verdict)) {
        tell(*meaning, trail);
        obey(*meaning, declared.prefix, decision);
    }
}

}  // namespace postern::policy
