#include "control/upkeep.hpp"

#include "control/entry_rules.hpp"
#include "directory/logins.hpp"
#include "ports/told_events.hpp"

#include <algorithm>
#include <functional>

namespace postern::control {

boost::asio::awaitable<void> upkeep(gateway::Services services, AuditApi& audit)
{
    auto head = co_await audit.head();
    if (head)
        services.log.info("audit head", {{"head", head->line()}});
    else
        services.alarms.raise("audit", "The audit can't be read: " + head.error().describe());

    auto& logins = services.directory.logins();
    const auto policy = services.generations.current()->policy;
    const auto steps = policy->alerts().thresholds(vocabulary::EventId::password_expiring);
    auto rules = policy->logins();
    for (const auto& step : steps) rules.warn.push_back(step.duration);
    std::ranges::sort(rules.warn, std::ranges::greater{});
    const Instant now = services.clock.now();
    auto kept = co_await logins.keep_activity();
    if (!kept) services.log.warning("activity not kept", {{"reason", kept.error().describe()}});
    auto locked = co_await logins.lock_inactive(rules, now);
    if (locked)
        for (const auto& address : *locked)
            services.log.warning("login locked", {{"recipient", address}, {"reason", "inactive"}});
    auto due = co_await logins.due_warnings(rules, now);
    if (!due) co_return;
    for (const auto& warning : *due) {
        const auto step = std::ranges::find(steps, warning.before, &vocabulary::Threshold::duration);
        const auto address = mail::Address::parse(warning.address);
        if (step == steps.end() || !address) continue;
        auto entry = co_await services.directory.find(*address);
        if (!entry || !*entry) continue;
        ports::tell_password_expiring(services.alarms, login_owner(*policy, **entry), *step, warning.runs_out);
        services.log.info("password runs out", {{"recipient", warning.address}});
    }
}

}  // namespace postern::control
