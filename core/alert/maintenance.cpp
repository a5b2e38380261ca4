// Maintenance windows: announced or declared, told to members' people at each step once, known to intake.
#include "alert/engine.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

namespace postern::alert {

namespace {

constexpr Duration look_again = std::chrono::seconds{5};
constexpr Duration purge_every = std::chrono::hours{6};
/// Beside its steps: the step at which the event itself was told, kept with an empty name.
constexpr Duration announcement{-1};
constexpr Duration cancellation{-2};  ///< that it will not be
/// The queue is not flooded: so many letters, then a rest.
constexpr std::size_t letters_at_once = 20;
constexpr Duration between_letters = std::chrono::seconds{1};
constexpr std::string_view declared = "declared:";
constexpr std::string_view policy_file = "alerts.yaml";  ///< who announces and cancels what is declared

/// The step that is due: the shortest that has begun. Nothing: none has, or the window is over.
std::optional<Duration> step_of(const vocabulary::MaintenanceWindow& window, Instant now)
{
    if (now >= window.to) return std::nullopt;
    std::optional<Duration> step;
    for (const auto before : window.at_before)
        if (window.from - before <= now && (!step || before < *step)) step = before;
    return step;
}

bool is_at_same_time(const vocabulary::MaintenanceWindow& a, const vocabulary::MaintenanceWindow& b)
{
    return a.from == b.from && a.to == b.to;
}

/// What is declared is on record. A window that was not declared for a while is announced again; what a person
/// cancelled stays so until something else is declared.
bool is_same(const store::MaintenanceRecord& record, const vocabulary::MaintenanceWindow& window)
{
    const bool left_the_policy = record.cancelled && record.cancelled_by == policy_file;
    return !left_the_policy && is_at_same_time(record.window, window) && record.window.text == window.text &&
           record.window.at_before == window.at_before && record.window.intake == window.intake;
}

}  // namespace

Engine::Async<void> Engine::keep_house()
{
    Instant purged{};
    while (!stopping_) {
        const auto present = house_.present();
        co_await keep_windows(present);
        if (clock_.now() - purged > purge_every) {
            purged = clock_.now();
            (void)co_await store_.forget(purged - present.policy->keep);
        }
        co_await rest(keeping_, look_again);
    }
}

Engine::Async<void> Engine::keep_windows(const Present& present)
{
    auto windows = co_await store_.windows();
    if (!windows) co_return;
    const auto now = clock_.now();
    bool changed = false;
    for (const auto& window : present.policy->windows) {
        const auto id = std::string(declared) + window.name;
        const auto known = std::ranges::find(*windows, id, &store::MaintenanceRecord::id);
        const bool is_known = known != windows->end();
        if (window.to < now || (is_known && is_same(*known, window))) continue;
        store::MaintenanceRecord record;
        record.id = id;
        record.window = window;
        record.by = policy_file;
        record.announced = now;
        const auto announced = co_await store_.announce(std::move(record));
        if (!announced) co_return;  // again soon
        if (is_known && !is_at_same_time(known->window, window)) announced_.erase(id);
        changed = true;
    }
    // What the policy no longer declares is cancelled.
    for (const auto& record : *windows) {
        if (!record.id.starts_with(declared) || record.cancelled || record.window.to < now) continue;
        const auto name = record.id.substr(declared.size());
        if (std::ranges::find(present.policy->windows, name, &vocabulary::MaintenanceWindow::name) !=
            present.policy->windows.end())
            continue;
        (void)co_await store_.cancel(record.id, std::string(policy_file), now);
        changed = true;
    }
    if (changed) windows = co_await store_.windows();
    if (!windows) co_return;
    std::vector<vocabulary::MaintenanceWindow> ahead;
    for (const auto& record : *windows)
        if (!record.cancelled && now < record.window.to) ahead.push_back(record.window);
    maintenance_.set(std::move(ahead));
    for (const auto& record : *windows) {
        if (stopping_ || now >= record.window.to) continue;
        if (record.cancelled) {
            co_await tell_of_cancellation(present, record);
            continue;
        }
        co_await tell_of_window(record);
        if (!stopping_) co_await tell_people(present, record);
    }
}

/// The event, once for each window. It is on record when its alerts are (`note_announced`), so that a crash between the
/// two tells it again rather than never.
Engine::Async<void> Engine::tell_of_window(const store::MaintenanceRecord& record)
{
    if (announced_.contains(record.id)) co_return;
    const auto told = co_await store_.told(record.number, announcement);
    if (!told) co_return;  // again soon
    announced_.emplace(record.id, record.number);
    if (!told->empty()) co_return;
    const auto& window = record.window;
    alarms_.tell(vocabulary::EventId::maintenance_announced, record.id,
                 fmt::format("Maintenance from {} to {}, announced by {}: {}", readable(window.from),
                             readable(window.to), record.by, window.text),
                 {{"from", to_iso8601(window.from)},
                  {"to", to_iso8601(window.to)},
                  {"announcement", window.text},
                  {"intake", std::string(vocabulary::name_of(window.intake))}});
}

Engine::Async<void> Engine::note_announced(const std::string& window)
{
    const auto announced = announced_.find(window);
    if (announced != announced_.end()) (void)co_await store_.tell(announced->second, announcement, "", std::nullopt);
}

Engine::Async<void> Engine::tell_people(const Present& present, const store::MaintenanceRecord& record)
{
    const auto step = step_of(record.window, clock_.now());
    if (!step) co_return;
    const auto notice = notice_of(vocabulary::EventId::maintenance_announced, record.window.from, present.service);
    Round round{*step, maintenance_text(record.window, present.service), notice_text(notice), std::nullopt};
    if (co_await send_round(present, record, std::move(round)))
        log_.info("maintenance announced",
                  {{"alarm", record.id}, {"reason", vocabulary::print_duration(*step) + " before"}});
}

Engine::Async<void> Engine::tell_of_cancellation(const Present& present, const store::MaintenanceRecord& record)
{
    std::set<std::string> told;
    for (const auto step : record.window.at_before) {
        const auto some = co_await store_.told(record.number, step);
        if (!some) co_return;  // again soon
        told.insert(some->begin(), some->end());
    }
    told.erase("");
    if (told.empty()) co_return;
    const auto notice = cancellation_notice(record.window, present.service);
    Round round{cancellation, cancellation_text(record.window, present.service), notice_text(notice), std::move(told)};
    if (co_await send_round(present, record, std::move(round)))
        log_.info("maintenance called off", {{"alarm", record.id}});
}

Engine::Async<bool> Engine::send_round(const Present& present, const store::MaintenanceRecord& record, Round round)
{
    const auto told = co_await store_.told(record.number, round.step);
    if (!told) co_return false;
    const std::set<std::string> done(told->begin(), told->end());
    if (done.contains("")) co_return false;  // everybody, before
    const auto people = co_await house_.people();
    if (!people) {
        log_.warning("maintenance is not announced yet", {{"reason", people.error().describe()}});
        co_return false;
    }
    std::size_t made = 0, later = 0;
    for (const auto& person : *people) {
        if (stopping_) co_return false;
        if (done.contains(person.address) || (round.only && !round.only->contains(person.address))) continue;
        Letter letter;
        letter.to = person.address;
        letter.secure = person.secure;
        letter.reason = "maintenance " + record.id;
        letter.text = person.secure ? round.inside : round.outside;
        auto message = co_await house_.letter(present, std::move(letter));
        if (!message && message.error().retry() == Retry::later) {
            ++later;
            continue;
        }
        if (!message) {
            log_.warning("maintenance not told",
                         {{"recipient", person.address}, {"reason", message.error().describe()}});
            continue;
        }
        std::optional<store::NewMessage> stored(std::move(*message));
        auto noted = co_await store_.tell(record.number, round.step, person.address, std::move(stored));
        if (!noted) co_return false;  // again from here
        if (++made % letters_at_once != 0) continue;
        house_.mail_waits();
        co_await rest(keeping_, between_letters);
    }
    house_.mail_waits();
    if (later > 0) {  // they are told when their letters can be made, and the others are not told again
        log_.warning("maintenance is not announced yet",
                     {{"alarm", record.id}, {"reason", fmt::format("letters to {} people can't be made", later)}});
        co_return false;
    }
    const auto noted = co_await store_.tell(record.number, round.step, "", std::nullopt);
    co_return noted.has_value();
}

Engine::Async<Result<std::string>> Engine::announce(vocabulary::MaintenanceWindow window, std::string actor)
{
    const auto now = clock_.now();
    if (window.to <= now) co_return fault(Retry::never, "the window lies in the past");
    if (window.from >= window.to) co_return fault(Retry::never, "the window ends before it begins");
    store::MaintenanceRecord record;
    record.id = make_message_id(now);
    record.window = std::move(window);
    record.by = actor;
    record.announced = now;
    const auto id = record.id;
    auto stored = co_await store_.announce(std::move(record));
    if (!stored) co_return std::unexpected(stored.error());
    log_.info("maintenance planned", {{"alarm", id}, {"actor", actor}});
    wake();
    co_return id;
}

Engine::Async<Result<bool>> Engine::cancel(std::string id, std::string actor)
{
    auto cancelled = co_await store_.cancel(id, actor, clock_.now());
    if (cancelled && *cancelled) {
        log_.info("maintenance cancelled", {{"alarm", id}, {"actor", actor}});
        wake();
    }
    co_return cancelled;
}

}  // namespace postern::alert
