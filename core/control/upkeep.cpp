#include "control/upkeep.hpp"

#include "control/login_owner.hpp"
#include "control/yearly_tasks.hpp"
#include "directory/logins.hpp"
#include "ports/told_events.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace postern::control {

namespace {

using vocabulary::EventId;
using vocabulary::Threshold;

template <class T>
using Async = boost::asio::awaitable<T>;

constexpr std::size_t most_reminded = 200;         ///< organisations at a time; the others an hour later
constexpr std::chrono::minutes longest_purge{30};  ///< of the ledger; what is left goes an hour later

std::vector<Duration> longest_first(const std::vector<Threshold>& steps)
{
    std::vector<Duration> durations;
    for (const auto& step : steps) durations.push_back(step.duration);
    std::ranges::sort(durations, std::ranges::greater{});
    return durations;
}

/// The step as the rules write it; empty text: none.
Threshold step_of(const std::vector<Threshold>& steps, Duration before)
{
    const auto found = std::ranges::find(steps, before, &Threshold::duration);
    return found == steps.end() ? Threshold{} : *found;
}

// --- the audit ---------------------------------------------------------------------------------------------------

Async<void> let_head_leave(gateway::Services services, AuditApi& audit)
{
    auto head = co_await audit.head();
    if (!head) {
        services.alarms.raise("audit", "The audit can't be read: " + head.error().describe());
        co_return;
    }
    services.log.info("audit head", {{"head", head->line()}});
    const auto every = services.generations.current()->policy->audit().head_every;
    auto turn = co_await services.directory.administration().take_turn("audit_head", every, services.clock.now());
    if (turn && *turn) ports::tell_audit_head(services.alarms, head->line());
}

Async<void> drop_old_records(gateway::Services services)
{
    auto gone = co_await purge_audit(services, "postern");
    if (!gone) services.alarms.raise("audit", "Old records of the audit can't be deleted: " + gone.error().describe());
}

Async<void> drop_old_history(gateway::Services services)
{
    const auto keep = services.generations.current()->policy->ledger().keep;
    if (!keep) co_return;
    const Instant until = services.clock.now() - *keep;
    auto gone = co_await services.store.purge(until, longest_purge);
    if (!gone) {
        services.alarms.raise("ledger", "What became of old messages can't be deleted: " + gone.error().describe());
        co_return;
    }
    services.alarms.clear("ledger");
    if (*gone == 0) co_return;
    directory::AuditRecord record;
    record.at = services.clock.now();
    record.actor = "postern";
    record.act = "ledger_retention";
    record.outcome = "done";
    record.detail = fmt::format("{} messages from before {}", *gone, to_iso8601(until));
    services.log.info("ledger purged", {{"count", std::uint64_t{*gone}}, {"reason", record.detail}});
    auto noted = co_await services.directory.administration().note(std::move(record));
    if (!noted) services.alarms.raise("audit", "What people do can't be put on record: " + noted.error().describe());
}

// --- logins ------------------------------------------------------------------------------------------------------

using Tell = void (*)(ports::Alarms&, const ports::LoginOwner&, const Threshold&, Instant);

Async<void> tell_each(gateway::Services services, std::vector<directory::ExpiryWarning> due,
                      std::vector<Threshold> steps, Tell tell, std::string_view what)
{
    for (const auto& warning : due) {
        const auto step = step_of(steps, warning.before);
        const auto owner = co_await owner_of(services, warning.address);
        if (!owner || step.text.empty()) continue;
        tell(services.alarms, *owner, step, warning.runs_out);
        services.log.info(what, {{"recipient", warning.address}});
    }
}

Async<void> look_after_logins(gateway::Services services)
{
    auto& logins = services.directory.logins();
    const auto policy = services.generations.current()->policy;
    const auto password_steps = policy->alerts().thresholds(EventId::password_expiring);
    const auto idle_steps = policy->alerts().thresholds(EventId::login_idle);
    auto rules = policy->logins();
    rules.warn = longest_first(password_steps);
    rules.warn_idle = longest_first(idle_steps);
    const Instant now = services.clock.now();
    auto kept = co_await logins.keep_activity();
    if (!kept) services.log.warning("activity not kept", {{"reason", kept.error().describe()}});
    auto over = co_await logins.forget_what_is_over(rules, now);
    if (!over) services.log.warning("old sessions not forgotten", {{"reason", over.error().describe()}});
    auto locked = co_await logins.lock_inactive(rules, now);
    if (locked)
        for (const auto& address : *locked)
            services.log.warning("login locked", {{"recipient", address}, {"reason", "inactive"}});
    auto ending = co_await logins.due_warnings(rules, now);
    if (ending)
        co_await tell_each(services, std::move(*ending), password_steps, ports::tell_password_expiring,
                           "password runs out");
    auto idle = co_await logins.due_idle_warnings(rules, now);
    if (idle) co_await tell_each(services, std::move(*idle), idle_steps, ports::tell_login_idle, "login is not used");
}

// --- organisations -----------------------------------------------------------------------------------------------

/// All that organisations have to do, and the words for each.
struct Duties {
    std::vector<directory::Duty> all;
    std::map<std::pair<std::string, std::string>, std::string> texts;
};

Duties duties_of(const policy::Snapshot& policy,
                 const std::map<std::string, std::map<std::string, directory::TaskDone>>& done)
{
    Duties duties;
    for (const auto& organisation : policy.organisations()) {
        const auto found = done.find(organisation.id);
        const auto tasks =
            tasks_of(organisation, found == done.end() ? std::map<std::string, directory::TaskDone>{} : found->second);
        for (const auto& task : tasks) {
            // What only the file can mend is wanted at once; the rest has its time.
            const bool of_the_file = !is_yearly_task(task.name);
            duties.all.push_back({organisation.id, task.name, of_the_file ? std::optional(Instant{}) : task.due});
            duties.texts[{organisation.id, task.name}] = task.text;
        }
    }
    return duties;
}

Async<void> remind_organisations(gateway::Services services)
{
    auto& administration = services.directory.administration();
    auto done = co_await administration.all_tasks();
    if (!done) co_return;
    const auto policy = services.generations.current()->policy;
    const auto steps = policy->alerts().thresholds(EventId::organisation_task);
    const Instant now = services.clock.now();
    const auto duties = duties_of(*policy, *done);
    directory::ReminderTimes times;
    times.before = longest_first(steps);
    // What was never done is told a month after it is first seen, and not on the first day.
    if (!times.before.empty()) times.grace += times.before.front();
    auto due = co_await administration.remind(duties.all, std::move(times), now, most_reminded);
    if (!due) {
        services.log.warning("organisations not reminded", {{"reason", due.error().describe()}});
        co_return;
    }
    // One letter for what an organisation has to do by the same time.
    std::map<std::tuple<std::string, Instant, Duration>, std::pair<std::string, std::string>> letters;
    for (const auto& one : *due) {
        auto& [tasks, text] = letters[{one.organisation, one.due, one.step.value_or(Duration{})}];
        tasks += (tasks.empty() ? "" : ", ") + one.task;
        text += (text.empty() ? "" : "; ") + duties.texts.at({one.organisation, one.task});
    }
    for (const auto& [when, what] : letters) {
        const auto& [organisation, at, before] = when;
        auto step = step_of(steps, before);
        // What is due or overdue is told by the rule of the last step.
        if (step.text.empty() && !steps.empty()) step = *std::ranges::min_element(steps, {}, &Threshold::duration);
        ports::tell_organisation_task(services.alarms, organisation, what.first, what.second, step, at);
    }
}

}  // namespace

boost::asio::awaitable<void> upkeep(gateway::Services services, AuditApi& audit)
{
    co_await let_head_leave(services, audit);
    co_await drop_old_records(services);
    co_await look_after_logins(services);
    co_await remind_organisations(services);
    co_await drop_old_history(services);
}

boost::asio::awaitable<void> record_reload(gateway::Services services, gateway::ReloadReport report)
{
    directory::AuditRecord record;
    record.at = report.at;
    record.actor = "postern";
    record.act = "reload_policy";
    record.target = fmt::format("generation {}", report.generation);
    const bool done = report.outcome == gateway::ReloadReport::Outcome::published;
    record.outcome = done ? "done" : "failed";
    record.detail = report.author;
    const auto wrong = std::ranges::find(report.diagnostics, policy::Severity::error, &policy::Diagnostic::severity);
    if (!report.reason.empty())
        record.detail += ": " + report.reason;
    else if (!done && wrong != report.diagnostics.end())
        record.detail += fmt::format(": {}:{}:{}: {}", wrong->file, wrong->line, wrong->column, wrong->what);
    auto noted = co_await services.directory.administration().note(std::move(record));
    if (!noted) services.alarms.raise("audit", "What people do can't be put on record: " + noted.error().describe());
}

}  // namespace postern::control
