#include "base/text.hpp"
#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::ActionKind;
using vocabulary::RuleFile;
using vocabulary::Stage;

bool decides(const ContentRule& rule)
{
    return std::ranges::any_of(rule.then, [](const OrderTemplate& order) {
        return vocabulary::info(order.order.action).kind == ActionKind::verdict;
    });
}

bool lets_pass(vocabulary::ActionId action)
{
    using vocabulary::ActionId;
    return action != ActionId::reject && action != ActionId::quarantine && action != ActionId::notify &&
           action != ActionId::annotate;
}

/// A virus is refused or kept for people to decide, whatever a rule would like.
void check_stops_viruses(Source& source, const ContentRule& rule)
{
    constexpr auto remedy = "a rule on message.virus may reject, quarantine, notify and annotate";
    for (const auto& order : rule.then)
        if (lets_pass(order.order.action))
            source.error(order.place,
                         fmt::format("\"{}\" would let a virus through", vocabulary::info(order.order.action).name),
                         remedy);
    if (!rule.script) return;
    for (const auto& action : vocabulary::actions())
        if (rule.script->may.has(action.id) && lets_pass(action.id))
            source.error(rule.script->place, fmt::format("a script that may {} would let a virus through", action.name),
                         remedy);
}

FindingVerdicts read_findings(const Values& top)
{
    FindingVerdicts findings;
    findings.viruses = vocabulary::find_finding_verdict(top.text("viruses")).value_or(findings.viruses);
    const auto map = top.map("unscannable");
    for (std::size_t i = 0; i < vocabulary::obstacle_count; ++i)
        if (const auto verdict = vocabulary::find_finding_verdict(map.text(vocabulary::obstacle_names[i])))
            findings.unscannable[i] = *verdict;
    if (map.has("prefix")) findings.prefix = map.text("prefix");
    return findings;
}

ContentRule read_content_rule(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    ContentRule rule;
    read_rule(source, map, Stage::message, RuleFile::content, names, rule);
    rule.then = read_orders(source, map.node("then"), Stage::message, RuleFile::content);
    check_ignore(source, map, rule, rule.then);
    rule.asked = asked_by(rule.when);
    if (rule.asked.viruses) check_stops_viruses(source, rule);
    if (!map.has("then") && !map.has("lua"))
        source.error(map.place(), "this rule orders nothing", "give it then: or lua:");
    return rule;
}

/// Tables that scripts look things up in: a list of words, or words with what they stand for.
ports::ScriptTables read_tables(Source& source, const YamlNode* tables)
{
    ports::ScriptTables result;
    if (tables == nullptr || !tables->is_map()) return result;
    for (const auto& entry : tables->entries) {
        auto& table = result[entry.key];
        const auto put = [&](const Place& place, const std::string& key, const std::string& value) {
            if (!table.emplace(key, value).second)
                source.error(place, fmt::format("\"{}\" stands twice in this table", printable(key, 60)));
        };
        for (const auto& item : entry.value.items) put(item.place, item.text, item.text);
        for (const auto& pair : entry.value.entries) put(pair.place, pair.key, pair.value.text);
    }
    return result;
}

std::optional<Duration> read_keep(Source& source, const Values& map)
{
    if (!map.has("keep")) return {};
    const auto keep = map.duration("keep", {});
    if (keep <= Duration{}) source.error(map.place("keep"), "nothing would be kept");
    return keep;
}

}  // namespace

ContentFile read_content_file(Source& source, const YamlNode& tree)
{
    check_shape(source, tree, shape_of(FileKind::content), {});
    const Values top(tree);
    ContentFile file;
    std::set<std::string> names;
    for (const auto& node : top.items("rules")) file.rules.push_back(read_content_rule(source, node, names));
    name_shadowed(source, file.rules, "rule", decides);
    file.tables = read_tables(source, top.node("tables"));
    file.quarantine_keep = read_keep(source, top.map("quarantine"));
    file.hold_keep = read_keep(source, top.map("hold"));
    file.record = top.texts("record");
    file.findings = read_findings(top);
    for (const char* key : {"unscannable", "viruses"})
        if (top.has(key)) file.declares_findings = top.key_place(key);
    return file;
}

}  // namespace postern::policy
