#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>

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

/// One map of `may`, `on`, `except`.
PowerGrant read_grant(Source& source, vocabulary::Role role, const YamlNode& node)
{
    const Values map(node);
    PowerGrant grant;
    grant.role = role;
    grant.line = map.place().line;
    for (const auto& name : map.texts("may"))
        if (const auto act = vocabulary::act_named(name)) grant.acts.set(static_cast<std::size_t>(*act));
    grant.reach = vocabulary::reach_named(map.text("on")).value_or(vocabulary::Reach::self);
    grant.except_holders = map.map("except").boolean("holds_role", false);
    if (role == vocabulary::Role::user && grant.acts.test(static_cast<std::size_t>(vocabulary::Act::grant_role)))
        source.error(map.place("may"), "every user could give themselves any role",
                     "leave grant_role to organisation_administrator or service_manager");
    return grant;
}

Powers read_powers(Source& source, const Values& top)
{
    std::vector<PowerGrant> grants;
    if (const auto* roles = top.node("roles"); roles != nullptr && roles->is_map())
        for (const auto& entry : roles->entries) {
            const auto role = vocabulary::role_named(entry.key);
            if (!role) continue;
            if (entry.value.is_map()) grants.push_back(read_grant(source, *role, entry.value));
            for (const auto& item : entry.value.items) grants.push_back(read_grant(source, *role, item));
        }
    std::vector<PowerHolder> holders;
    for (const auto& item : top.items("holders")) {
        const Values map(item);
        if (const auto role = vocabulary::role_named(map.text("role")))
            holders.push_back({map.text("who"), *role, map.place().line});
    }
    return {std::move(grants), std::move(holders), top.has("roles"), top.has("holders")};
}

vocabulary::SecondFactorRule read_second_factor(const YamlNode* node)
{
    vocabulary::SecondFactorRule rule;
    if (node == nullptr) return rule;
    rule.everybody = node->text == "required";
    const Values map(node);
    for (const auto& name : map.texts("roles"))
        if (const auto role = vocabulary::role_named(name)) rule.roles.insert(*role);
    for (auto& id : map.texts("organisations")) rule.organisations.insert(std::move(id));
    return rule;
}

vocabulary::MailedCodeRule read_mailed_code(const Values& map)
{
    using To = vocabulary::MailedCodeRule::To;
    vocabulary::MailedCodeRule rule;
    const auto to = map.text("to");
    rule.to = to == "secure" ? To::secure : to == "non_secure" ? To::non_secure : to == "any" ? To::any : To::nobody;
    rule.valid = map.duration("valid", rule.valid);
    rule.tries = map.small("tries", rule.tries);
    rule.at_most = map.rate("at_most", rule.at_most);
    return rule;
}

vocabulary::AuditRules read_audit(const Values& map)
{
    vocabulary::AuditRules rules;
    if (map.has("keep")) rules.keep = map.duration("keep", {});
    rules.head_every = map.duration("head_every", rules.head_every);
    return rules;
}

vocabulary::LoginRules read_logins(const Values& map, const std::filesystem::path& directory,
                                   std::vector<NamedFile>& named_files)
{
    vocabulary::LoginRules rules;
    const auto password = map.map("password");
    rules.password_length = password.small("length", rules.password_length);
    rules.password_history = password.small("history", rules.password_history);
    if (password.has("age")) rules.password_age = password.duration("age", {});
    rules.refused_words = read_path(password, "refused_words", directory, &named_files);
    const auto lock = map.map("lock");
    rules.wrong_answers = lock.small("wrong_answers", rules.wrong_answers);
    rules.locked_for = lock.duration("for", rules.locked_for);
    if (lock.has("inactive")) rules.inactive = lock.duration("inactive", {});
    rules.one_time_valid = map.duration("one_time_valid", rules.one_time_valid);
    rules.second_factor = read_second_factor(map.node("second_factor"));
    rules.mailed_code = read_mailed_code(map.map("mailed_code"));
    rules.reset_facts = map.map("reset").small("facts", rules.reset_facts);
    rules.reset_wrong = map.map("reset").small("wrong_answers", rules.reset_wrong);
    const auto session = map.map("session");
    rules.session_longest = session.duration("longest", map.duration("session", rules.session_longest));
    rules.session_idle = std::min(session.duration("idle", rules.session_idle), rules.session_longest);
    rules.non_secure_rests = map.duration("non_secure_rests", rules.non_secure_rests);
    return rules;
}

}  // namespace

PermissionsFile read_permissions_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory)
{
    check_shape(source, tree, shape_of(FileKind::permissions), {});
    const Values top(tree);
    PermissionsFile file;
    std::set<std::string> names;
    for (const auto& node : top.items("mail")) file.mail.push_back(read_mail_rule(source, node, names));
    name_shadowed(source, file.mail, "rule", [](const MailRule& rule) { return !rule.then.empty(); });
    file.dual_control = top.texts("dual_control");
    file.unnamed_may_send_as_group = top.map("group_sender").text("not_named") == "allow";
    file.look_alikes_asked = top.text("look_alikes") == "ask";
    file.powers = read_powers(source, top);
    file.audit = read_audit(top.map("audit"));
    if (const auto ledger = top.map("ledger"); ledger.has("keep")) file.ledger.keep = ledger.duration("keep", {});
    file.logins = read_logins(top.map("logins"), directory, file.named_files);
    for (const auto& item : top.map("logins").map("second_factor").items("organisations"))
        file.factor_organisations.push_back({item.text, item.place});
    return file;
}

}  // namespace postern::policy
