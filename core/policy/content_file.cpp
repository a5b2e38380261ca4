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

ContentRule read_content_rule(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    ContentRule rule;
    read_rule(source, map, Stage::message, RuleFile::content, names, rule);
    rule.then = read_orders(source, map.node("then"), Stage::message, RuleFile::content);
    check_ignore(source, map, rule, rule.then);
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
    return file;
}

}  // namespace postern::policy
