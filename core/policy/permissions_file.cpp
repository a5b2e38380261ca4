#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>

namespace postern::policy {

namespace {

using vocabulary::RuleFile;
using vocabulary::Stage;

MailRule read_mail_rule(Source& source, const YamlNode& node, std::set<std::string>& names)
{
    const Values map(node);
    MailRule rule;
    read_rule(source, map, Stage::recipient, RuleFile::permissions, names, rule);
    rule.then = read_orders(source, map.node("then"), Stage::recipient, RuleFile::permissions);
    check_ignore(source, map, rule, rule.then);
    if (!map.has("then") && !map.has("lua"))
        source.error(map.place(), "this rule decides nothing", "give it then: allow, then: refuse, or lua:");
    return rule;
}

}  // namespace

PermissionsFile read_permissions_file(Source& source, const YamlNode& tree)
{
    check_shape(source, tree, shape_of(FileKind::permissions), {});
    const Values top(tree);
    PermissionsFile file;
    std::set<std::string> names;
    for (const auto& node : top.items("mail")) file.mail.push_back(read_mail_rule(source, node, names));
    name_shadowed(source, file.mail, "rule", [](const MailRule& rule) { return !rule.then.empty(); });
    file.dual_control = top.texts("dual_control");
    return file;
}

}  // namespace postern::policy
