#include "policy/alert_coverage.hpp"

#include "policy/source.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::AlertRole;
using vocabulary::AlertRule;
using vocabulary::EventId;

enum class Whom { anybody, user };

struct MustTell {
    EventId event;
    Whom whom;
    std::string_view otherwise;  ///< what follows where nobody is told
};

constexpr MustTell must_tell[] = {
    {EventId::virus_found, Whom::anybody, "a virus is kept back and nobody learns of it"},
    {EventId::scanner_down, Whom::anybody, "no mail is taken and nobody learns why"},
    {EventId::signatures_stale, Whom::anybody, "new viruses are not known and nobody learns of it"},
    {EventId::storage_failing, Whom::anybody, "no mail is taken and nobody learns why"},
    {EventId::disk_low, Whom::anybody, "the disk fills up unseen"},
    {EventId::destination_down, Whom::anybody, "mail waits for a member and nobody learns of it"},
    {EventId::certificate_expiring, Whom::anybody, "a certificate runs out unseen, and mail with it"},
    {EventId::tampering, Whom::anybody, "records are changed and nobody learns of it"},
    {EventId::alert_unsent, Whom::anybody, "a warning is lost and nobody learns of it"},
    {EventId::case_opened, Whom::anybody, "a case waits, and with it somebody who can't log in"},
    {EventId::login_lockout, Whom::user, "somebody guesses a password and its owner learns nothing"},
    {EventId::login_unlocked, Whom::user, "a lock is opened in somebody's name and they learn nothing"},
    {EventId::password_reset, Whom::user, "a login is taken over and its owner learns nothing"},
    {EventId::second_factor_reset, Whom::user, "a login is taken over and its owner learns nothing"},
    {EventId::non_secure_changed, Whom::user, "warnings are led elsewhere and their owner learns nothing"},
    {EventId::exceptional_access, Whom::user, "somebody reads a mailbox and its owner learns nothing"},
    {EventId::password_expiring, Whom::user, "passwords run out without a warning"},
    {EventId::login_idle, Whom::user, "logins are locked without a warning"},
};

/// Whether it can happen under this policy at all.
bool can_happen(EventId event, const vocabulary::LoginRules& logins)
{
    if (event == EventId::password_expiring) return logins.password_age.has_value();
    if (event == EventId::login_idle) return logins.inactive.has_value();
    return true;
}

bool is_told_of(const AlertRule& rule, const MustTell& must)
{
    const bool on = std::ranges::any_of(rule.on, [&](const auto& trigger) { return trigger.event == must.event; });
    if (!on || must.whom == Whom::anybody) return on;
    return std::ranges::any_of(rule.to, [](const auto& target) { return target.role == AlertRole::user; });
}

std::string rule_name(const vocabulary::EventInfo& event)
{
    std::string name(event.name);
    std::ranges::replace(name, '_', '-');
    return name;
}

/// How `on:` writes it, with the threshold's name where an event needs one.
std::string written(const vocabulary::EventInfo& event)
{
    if (event.threshold.empty()) return std::string(event.name);
    return fmt::format("{{ {}: {} }}", event.threshold, event.usual);
}

/// The key `alerts:` at the top of the file, which the rules stand below.
Place place_of_rules(std::string_view yaml)
{
    constexpr std::string_view key = "alerts";
    std::uint32_t line = 1;
    for (std::size_t at = 0; at < yaml.size(); ++line) {
        if (yaml.substr(at).starts_with("alerts:")) return {line, 1, key.size()};
        const auto end = yaml.find('\n', at);
        if (end == std::string_view::npos) break;
        at = end + 1;
    }
    return {};
}

}  // namespace

Diagnostics check_alert_coverage(const Snapshot& policy, std::string_view alerts_yaml)
{
    Diagnostics diagnostics;
    Source source("alerts.yaml", alerts_yaml, diagnostics);
    const auto& rules = policy.alerts().rules;
    const auto place = place_of_rules(alerts_yaml);
    if (rules.empty()) {
        source.warning(place, "no rule tells anybody of anything: not of a virus, nor of a password that was reset",
                       "declare alerts: as the default rules/alerts.yaml does");
        return diagnostics;
    }
    for (const auto& must : must_tell) {
        if (!can_happen(must.event, policy.logins())) continue;
        if (std::ranges::any_of(rules, [&](const AlertRule& rule) { return is_told_of(rule, must); })) continue;
        const auto& event = vocabulary::info(must.event);
        const bool user = must.whom == Whom::user;
        source.warning(
            place, fmt::format("no rule tells {} of {}: {}", user ? "the user" : "anybody", event.name, must.otherwise),
            fmt::format("- {{ name: {}, on: {}, to: {} }}", rule_name(event), written(event),
                        user ? "user" : "operations"));
    }
    return diagnostics;
}

}  // namespace postern::policy
