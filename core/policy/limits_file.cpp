#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>

namespace postern::policy {

namespace {

using vocabulary::RuleFile;
using vocabulary::Stage;

LimitRule read_limit(Source& source, const YamlNode& node, const LimitsFile& file, std::set<std::string>& names)
{
    const Values map(node);
    LimitRule rule;
    read_rule(source, map, Stage::recipient, RuleFile::limits, names, rule);
    check_ignore(source, map, rule, {});
    rule.message_size = map.size("message_size");
    if (!map.has("message_size") && !map.has("lua"))
        source.error(map.place(), "\"message_size\" is missing in \"limits\"", "or name a script by lua:");
    if (rule.message_size && *rule.message_size >= file.message_size)
        source.warning(map.place("message_size"), fmt::format("limit \"{}\" is never the smallest", rule.name),
                       fmt::format("the community's is {}", vocabulary::print_size(file.message_size)));
    return rule;
}

RatePer per_of(const std::string& word)
{
    if (word == "sender.organisation") return RatePer::sender_organisation;
    if (word == "recipient.address") return RatePer::recipient_address;
    if (word == "recipient.organisation") return RatePer::recipient_organisation;
    return word == "connection.address" ? RatePer::connection_address : RatePer::sender_address;
}

RateRule read_rate(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    RateRule rule;
    read_rule(source, map, Stage::recipient, RuleFile::limits, names, rule);
    rule.per = per_of(map.text("per"));
    rule.allow = map.rate("allow", {});
    rule.refuse = map.text("over") == "reject";
    rule.per_message = map.text("counts") != "recipients";
    if (map.has("allow") && rule.allow.count == 0 && rule.allow.per > Duration{})
        source.error(map.place("allow"), "nothing would ever be allowed", "refuse it in permissions.yaml instead");
    return rule;
}

}  // namespace

LimitsFile read_limits_file(Source& source, const YamlNode& tree)
{
    check_shape(source, tree, shape_of(FileKind::limits), {});
    const Values top(tree);
    LimitsFile file;
    file.message_size = top.size("message_size").value_or(file.message_size);
    file.recipients = top.small("recipients", file.recipients);
    if (file.message_size == 0) source.error(top.place("message_size"), "no message is so small");
    std::set<std::string> names;
    for (const auto& node : top.items("rates")) file.rates.push_back(read_rate(source, node, names));
    for (const auto& node : top.items("limits")) file.limits.push_back(read_limit(source, node, file, names));
    return file;
}

}  // namespace postern::policy
