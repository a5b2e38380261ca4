#include "control/upkeep.hpp"

#include "directory/logins.hpp"

namespace postern::control {

boost::asio::awaitable<void> upkeep(gateway::Services services, AuditApi& audit)
{
    auto head = co_await audit.head();
    if (head)
        services.log.info("audit head", {{"head", head->line()}});
    else
        services.alarms.raise("audit", "The audit can't be read: " + head.error().describe());

    auto& logins = services.directory.logins();
    const auto rules = services.generations.current()->policy->logins();
    const Instant now = services.clock.now();
    auto kept = co_await logins.keep_activity();
    if (!kept) services.log.warning("activity not kept", {{"reason", kept.error().describe()}});
    auto locked = co_await logins.lock_inactive(rules, now);
    if (locked)
        for (const auto& address : *locked)
            services.log.warning("login locked", {{"recipient", address}, {"reason", "inactive"}});
    auto due = co_await logins.due_warnings(rules, now);
    if (due)
        for (const auto& warning : *due)
            services.log.info("password runs out", {{"recipient", warning.address},
                                                    {"outcome", to_iso8601(warning.runs_out)}});
}

}  // namespace postern::control
