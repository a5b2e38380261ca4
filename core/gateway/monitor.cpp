#include "gateway/monitor.hpp"

#include "base/text.hpp"
#include "gateway/record_watch.hpp"
#include "net/certificate_dates.hpp"
#include "ports/told_events.hpp"
#include "store/alert_store.hpp"
#include "vocabulary/age.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>

namespace postern::gateway {

namespace {

using vocabulary::EventId;

constexpr Duration between = std::chrono::seconds{2};
/// Of rounds: what changes slowly is looked at now and then.
constexpr unsigned slowly = 8;
constexpr unsigned seldom = 150;
/// A destination with no attempt for so long has no mail waiting.
constexpr Duration forget_destination = std::chrono::hours{2};
constexpr Duration longest_window = std::chrono::days{2};
/// Where an appliance's own programs leave what people should know, a line each: a version that was not healthy, say.
/// Emptied by a start of the machine. Absent where there is no appliance.
constexpr const char* machine_notices = "/run/postern-machine/notices";
constexpr unsigned most_notices = 8;

std::string key_of(EventId event, const std::string& object, const vocabulary::Threshold& threshold)
{
    return fmt::format("{} {}{}{}", vocabulary::info(event).alarm, object, object.empty() ? "" : " ", threshold.text);
}

}  // namespace

void Monitor::stop()
{
    stopping_ = true;
    timer_.cancel();
}

boost::asio::awaitable<void> Monitor::run()
{
    while (!stopping_) {
        const auto generation = services_.generations.current();
        co_await look(*generation->policy);
        ++round_;
        if (stopping_) break;
        timer_.expires_after(between);
        co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
}

void Monitor::raise(const std::string& key, const std::string& text, vocabulary::EventFields fields)
{
    services_.alarms.raise(key, text, std::move(fields));
    standing_.insert(key);
}

boost::asio::awaitable<void> Monitor::look(const policy::Snapshot& policy)
{
    const auto& alerts = policy.alerts();
    store::AlertStore store(services_.store);
    const auto oldest = co_await store.oldest_waiting();
    const auto totals = co_await services_.store.totals();
    standing_.clear();
    look_at_storage();
    look_at_queue(alerts, oldest ? *oldest : std::nullopt, totals ? totals->queued : 0);
    look_at_destinations(alerts);
    look_at_failures(alerts);
    if (round_ % slowly == 0) {
        look_at_disk(policy);
        look_at_certificates(policy);
        look_at_appliance();
    } else {
        for (const auto& key : before_)
            if (key.starts_with("appliance ") || key.starts_with(vocabulary::info(EventId::disk_low).alarm) ||
                key.starts_with(vocabulary::info(EventId::certificate_expiring).alarm))
                standing_.insert(key);
    }
    for (const auto& key : before_)
        if (!standing_.contains(key)) services_.alarms.clear(key);
    before_ = standing_;
    co_await look_at_records(policy);
}

boost::asio::awaitable<void> Monitor::look_at_records(const policy::Snapshot& policy)
{
    const auto say = [this](const std::string& what, const std::optional<std::string>& found) {
        if (found)
            ports::raise_tampering(services_.alarms, what, *found);
        else
            ports::clear_tampering(services_.alarms, what);
    };
    if (round_ % slowly == 0) say("storage", storage_exposure(policy.node().storage));
    if (round_ % seldom != 0) co_return;
    const auto damage = co_await archive_damage(services_.store);
    if (damage) say("archive", *damage);
}

// The paths raise this where they meet it; it ends here too, when nothing is delivered meanwhile.
void Monitor::look_at_storage()
{
    const std::string key(vocabulary::info(EventId::storage_failing).alarm);
    if (services_.store.failing())
        services_.alarms.raise(
            key,
            "The storage refuses writes or has no room left; new mail is answered 452 until that is mended. "
            "Look at the disk of storage.directory");
    else
        services_.alarms.clear(key);
}

void Monitor::look_at_queue(const vocabulary::AlertPolicy& alerts, std::optional<Instant> oldest, std::uint64_t waiting)
{
    if (!oldest) return;
    const auto age = services_.clock.now() - *oldest;
    for (const auto& threshold : alerts.thresholds(EventId::queue_backlog))
        if (age >= threshold.duration)
            raise(
                key_of(EventId::queue_backlog, "", threshold),
                fmt::format("The oldest message in the queue has waited for {}, and {} deliveries wait; `postern queue "
                            "list` shows why",
                            vocabulary::age_text(age), waiting),
                {{"threshold", threshold.text},
                 {"age", vocabulary::age_text(age)},
                 {"deliveries", std::to_string(waiting)}});
}

void Monitor::look_at_destinations(const vocabulary::AlertPolicy& alerts)
{
    const auto now = services_.clock.now();
    for (const auto& lane : services_.schedule.lanes()) {
        if (lane.down || lane.failures > 0) {
            auto& down = down_.try_emplace(lane.name, Down{now, now, {}}).first->second;
            down.seen = now;
            if (!lane.reason.empty()) down.reason = lane.reason;
        } else if (lane.workers > 0) {
            down_.erase(lane.name);
        }
    }
    std::erase_if(down_, [&](const auto& down) { return now - down.second.seen > forget_destination; });
    for (const auto& [name, down] : down_)
        for (const auto& threshold : alerts.thresholds(EventId::destination_down)) {
            if (now - down.since < threshold.duration) continue;
            const std::string organisation =
                name.starts_with("organisation:") ? name.substr(std::string_view("organisation:").size()) : "";
            raise(key_of(EventId::destination_down, name, threshold),
                  fmt::format("{} can't be reached since {}: {}. Mail for it waits", name, to_iso8601(down.since),
                              down.reason),
                  {{"threshold", threshold.text},
                   {"destination", name},
                   {"organisation", organisation},
                   {"age", vocabulary::age_text(now - down.since)},
                   {"reason", down.reason}});
        }
}

void Monitor::look_at_failures(const vocabulary::AlertPolicy& alerts)
{
    const auto now = services_.clock.now();
    failures_.push_back({now, services_.metrics.recipients_failed.load()});
    while (now - failures_.front().at > longest_window) failures_.pop_front();
    for (const auto& threshold : alerts.thresholds(EventId::bounce_storm)) {
        auto first = failures_.begin();
        while (first->at < now - threshold.rate.per) ++first;
        const auto count = failures_.back().count - first->count;
        if (count > threshold.rate.count)
            raise(key_of(EventId::bounce_storm, "", threshold),
                  fmt::format("{} recipients failed for good within {}; `postern trace` shows them", count,
                              vocabulary::print_duration(threshold.rate.per)),
                  {{"threshold", threshold.text}, {"count", std::to_string(count)}});
    }
}

void Monitor::look_at_disk(const policy::Snapshot& policy)
{
    struct statvfs facts {};
    if (::statvfs(policy.node().storage.c_str(), &facts) != 0 || facts.f_blocks == 0) return;
    const auto free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    const double share = static_cast<double>(facts.f_bavail) / static_cast<double>(facts.f_blocks);
    for (const auto& threshold : policy.alerts().thresholds(EventId::disk_low)) {
        const bool low = threshold.share ? share < *threshold.share : free < threshold.bytes;
        if (low)
            raise(key_of(EventId::disk_low, "", threshold),
                  fmt::format("{} MiB ({:.1f} %) of the disk of {} are free; when it is full, no mail is taken",
                              free >> 20, share * 100, policy.node().storage),
                  {{"threshold", threshold.text},
                   {"file", policy.node().storage},
                   {"free", fmt::format("{} MiB", free >> 20)}});
    }
}

void Monitor::look_at_appliance()
{
    std::ifstream notices(machine_notices);
    std::string line;
    for (unsigned count = 0; count < most_notices && std::getline(notices, line); ++count)
        if (const auto text = printable(line, 300); !text.empty()) raise("appliance " + text, text, {});
}

void Monitor::look_at_certificate(const vocabulary::AlertPolicy& alerts, const std::string& name,
                                  const std::string& what, const std::string& file)
{
    if (file.empty()) return;
    const auto ends = net::earliest_end(file);
    if (!ends) return;
    for (const auto& threshold : alerts.thresholds(EventId::certificate_expiring))
        if (*ends - services_.clock.now() < threshold.duration)
            raise(key_of(EventId::certificate_expiring, name, threshold),
                  fmt::format("{} ends at {}; replace {}", what, to_iso8601(*ends), file),
                  {{"threshold", threshold.text}, {"certificate", name}, {"file", file}, {"ends", to_iso8601(*ends)}});
}

void Monitor::look_at_certificates(const policy::Snapshot& policy)
{
    const auto& node = policy.node();
    for (const auto& listener : node.listeners)
        if (listener.tls)
            look_at_certificate(policy.alerts(), listener.name,
                                fmt::format("The certificate of listener {}", listener.name),
                                listener.tls->certificate);
    if (node.control_remote)
        look_at_certificate(policy.alerts(), "control-remote", "The certificate of the control port",
                            node.control_remote->certificate);
    look_at_certificate(policy.alerts(), "authority-of-members", "An authority of members' certificates",
                        node.authorities);
    look_at_certificate(policy.alerts(), "authority-of-next-hops", "An authority of next hops", node.hop_authorities);
}

}  // namespace postern::gateway
