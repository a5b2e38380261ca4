#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>

namespace postern::policy {

LimitsFile read_limits_file(Source& source, const YamlNode& tree)
{
    check_shape(source, tree, shape_of(FileKind::limits), {});
    const Values top(tree);
    LimitsFile file;
    file.message_size = top.size("message_size").value_or(file.message_size);
    file.recipients = top.small("recipients", file.recipients);
    if (file.message_size == 0) source.error(top.place("message_size"), "no message is so small");
    std::set<std::string> names;
    for (const auto& node : top.items("limits")) {
        const Values map(node);
        LimitRule rule;
        rule.name = read_rule_name(source, map, names);
        rule.place = map.place("name");
        rule.when = read_condition(source, map.node("when"), vocabulary::Stage::recipient);
        rule.message_size = map.size("message_size").value_or(file.message_size);
        if (map.size("message_size") && rule.message_size >= file.message_size)
            source.warning(map.place("message_size"), fmt::format("limit \"{}\" is never the smallest", rule.name),
                           fmt::format("the community's is {}", vocabulary::print_size(file.message_size)));
        file.limits.push_back(std::move(rule));
    }
    return file;
}

}  // namespace postern::policy
