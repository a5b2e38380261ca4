#include "control/status.hpp"

#include "control/generations.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <sstream>
#include <vector>

namespace postern::control {

namespace json = boost::json;

namespace {

struct CounterRow {
    const char* name;  ///< in status; in metrics "postern_NAME_total", or "postern_NAME" for a gauge
    const char* help;
    const ports::Counter ports::Metrics::*counter;
    bool gauge = false;
};

constexpr CounterRow rows[] = {
    {"connections_open", "Connections open now", &ports::Metrics::connections_open, true},
    {"connections", "Connections taken", &ports::Metrics::connections_total},
    {"connections_refused", "Connections over a limit", &ports::Metrics::connections_refused},
    {"strangers_refused", "Transactions of connections that are no member's", &ports::Metrics::strangers_refused},
    {"handshakes_failed", "TLS handshakes that failed", &ports::Metrics::handshakes_failed},
    {"messages_accepted", "Messages taken: on disk, answered 250", &ports::Metrics::messages_accepted},
    {"messages_refused", "Messages refused or deferred after DATA", &ports::Metrics::messages_refused},
    {"recipients_refused", "Recipients refused or deferred at RCPT", &ports::Metrics::recipients_refused},
    {"bytes_accepted", "Bytes of messages taken", &ports::Metrics::bytes_accepted},
    {"intake_bytes", "Bytes of contents being received now", &ports::Metrics::intake_bytes, true},
    {"recipients_relayed", "Recipients handed to a member's server", &ports::Metrics::recipients_relayed},
    {"recipients_delivered", "Recipients put into a hosted mailbox", &ports::Metrics::recipients_delivered},
    {"recipients_failed", "Recipients that failed or expired", &ports::Metrics::recipients_failed},
    {"attempts_deferred", "Attempts that will be made again, by recipient", &ports::Metrics::attempts_deferred},
    {"reports_made", "Delivery status notifications made", &ports::Metrics::reports_made},
    {"notices_made", "Messages that content rules had sent (notify)", &ports::Metrics::notices_made},
    {"notices_suppressed", "Notices over what one rule may tell one address", &ports::Metrics::notices_suppressed},
    {"recipients_quarantined", "Recipients whose copy was put into quarantine",
     &ports::Metrics::recipients_quarantined},
    {"recipients_held", "Recipients whose copy a content rule held", &ports::Metrics::recipients_held},
    {"recipients_undecided", "Recipients taken to be decided again", &ports::Metrics::recipients_undecided},
    {"recipients_redirected", "Recipients redirected by a content rule", &ports::Metrics::recipients_redirected},
    {"quarantine_released", "Recipients whose copy was released from quarantine", &ports::Metrics::quarantine_released},
    {"quarantine_deleted", "Recipients whose copy was deleted from quarantine, or whose time was over",
     &ports::Metrics::quarantine_deleted},
    {"rates_exceeded", "Recipients refused or deferred by a rate", &ports::Metrics::rates_exceeded},
    {"permissions_refused", "Recipients refused by permissions.yaml", &ports::Metrics::permissions_refused},
    {"loops_stopped", "Messages or recipients stopped as loops", &ports::Metrics::loops_stopped},
    {"redirects_carried", "Redirected messages carried", &ports::Metrics::redirects_carried},
    {"hops_unproved", "Next hops that could not prove themselves", &ports::Metrics::hops_unproved},
    {"delivery_connections", "Connections opened to next hops", &ports::Metrics::delivery_connections},
    {"inspections", "Messages that the scanner looked into", &ports::Metrics::inspections},
    {"inspection_microseconds", "Time that these took, in microseconds", &ports::Metrics::inspection_microseconds},
    {"inspections_failed", "Messages that could not be looked into, and were deferred",
     &ports::Metrics::inspections_failed},
    {"inspections_remembered", "Messages whose bytes the present signatures have looked into before",
     &ports::Metrics::inspections_remembered},
    {"viruses_found", "Messages in which a virus was found", &ports::Metrics::viruses_found},
    {"scanner_workers_replaced", "Workers of the scanner that crashed, hung or grew too large",
     &ports::Metrics::scanner_workers_replaced},
    {"signature_swaps", "Signature sets that took over from another", &ports::Metrics::signature_swaps},
    {"alerts_made", "Alerts made by rules of alerts.yaml", &ports::Metrics::alerts_made},
    {"alerts_sent", "Alerts sent, by way and target", &ports::Metrics::alerts_sent},
    {"alerts_failed", "Alerts given up, by way and target", &ports::Metrics::alerts_failed},
    {"events_dropped", "Events that found the queue of the alerts engine full", &ports::Metrics::events_dropped},
    {"reloads", "Generations published", &ports::Metrics::reloads},
    {"reloads_rejected", "Reloads rejected", &ports::Metrics::reloads_rejected},
};

std::uint64_t resident_bytes()
{
    std::uint64_t pages = 0, resident = 0;
    if (FILE* file = fopen("/proc/self/statm", "re")) {
        if (fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
        fclose(file);
    }
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

json::object queue_json(const gateway::Services& services, const StatusFacts& facts)
{
    json::object queue{{"known", facts.queue_known},
                       {"messages", facts.queue.messages},
                       {"queued", facts.queue.queued},
                       {"held", facts.queue.held},
                       {"quarantined", facts.queue.quarantined},
                       {"in_memory", services.schedule.in_memory()}};
    queue["oldest"] = facts.queue.oldest ? json::value(to_iso8601(*facts.queue.oldest)) : json::value(nullptr);
    json::object by_organisation;
    for (const auto& [organisation, count] : facts.queue.by_organisation) by_organisation[organisation] = count;
    queue["by_organisation"] = std::move(by_organisation);
    return queue;
}

json::object ledger_json(const policy::Snapshot& policy, const StatusFacts& facts)
{
    json::object ledger;
    ledger["oldest"] = facts.oldest_in_ledger ? json::value(to_iso8601(*facts.oldest_in_ledger)) : json::value(nullptr);
    const auto& keep = policy.ledger().keep;
    ledger["keep"] = keep ? json::value(vocabulary::print_duration(*keep)) : json::value(nullptr);
    return ledger;
}

std::string ledger_text(const json::object& ledger)
{
    const auto& oldest = ledger.at("oldest");
    if (oldest.is_null()) return {};
    const auto* keep = ledger.at("keep").if_string();
    return fmt::format("ledger: since {}; what is over is kept {}\n", oldest.as_string().c_str(),
                       keep != nullptr ? "for " + std::string(*keep) : "for ever");
}

json::array lanes_json(const gateway::Services& services)
{
    json::array lanes;
    for (const auto& lane : services.schedule.lanes())
        lanes.push_back({{"next_hop", lane.name},
                         {"waiting", lane.waiting},
                         {"connections", lane.workers},
                         {"down", lane.down},
                         {"reason", lane.reason}});
    return lanes;
}

json::object scanner_json(const gateway::Services& services, Instant now)
{
    if (!services.inspector) return {};
    const auto status = services.inspector->status();
    json::array workers;
    for (const auto& worker : status.workers) workers.push_back({{"process", worker.process}, {"busy", worker.busy}});
    json::object scanner{{"workers", std::move(workers)},
                         {"waiting", status.waiting},
                         {"loading", status.loading},
                         {"signatures", status.signatures},
                         {"signature_count", status.signature_count},
                         {"trouble", status.trouble},
                         {"warnings", json::value_from(status.warnings)}};
    scanner["signatures_made"] = status.made ? json::value(to_iso8601(*status.made)) : json::value(nullptr);
    scanner["signatures_age_seconds"] =
        status.made ? json::value(std::chrono::duration_cast<std::chrono::seconds>(now - *status.made).count())
                    : json::value(nullptr);
    return scanner;
}

json::object backup_json(const BackupState& backup, Instant now)
{
    json::object value{{"declared", backup.declared}, {"newest", backup.newest}, {"failure", backup.failure}};
    value["age_seconds"] =
        backup.made ? json::value(std::chrono::duration_cast<std::chrono::seconds>(now - *backup.made).count())
                    : json::value(nullptr);
    value["next"] = backup.next ? json::value(to_iso8601(*backup.next)) : json::value(nullptr);
    return value;
}

std::string backup_text(const json::object& backup)
{
    if (!backup.at("declared").as_bool()) return {};
    const auto& age = backup.at("age_seconds");
    if (age.is_null()) return "backup: there is none yet\n";
    const auto hours = age.to_number<std::int64_t>() / 3600;
    return fmt::format("backup: {}, {} hours old\n", backup.at("newest").as_string().c_str(), hours);
}

std::string signatures_text(const json::object& scanner)
{
    const std::string signatures(scanner.at("signatures").as_string());
    const std::string trouble(scanner.at("trouble").as_string());
    if (!signatures.empty()) return "signatures " + signatures + (trouble.empty() ? "" : "; " + trouble);
    if (scanner.at("loading").as_bool()) return "loading signatures";
    return trouble.empty() ? "viruses are not looked for" : "no usable signatures: " + trouble;
}

std::string scanner_text(const json::object& scanner)
{
    if (scanner.empty()) return {};
    const auto& workers = scanner.at("workers").as_array();
    std::string text = fmt::format("scanner: {} workers, {}\n", workers.size(), signatures_text(scanner));
    for (const auto& warning : scanner.at("warnings").as_array())
        text += fmt::format("scanner: {}\n", warning.as_string().c_str());
    return text;
}

prometheus::MetricFamily family(const std::string& name, const std::string& help, double value, bool gauge)
{
    prometheus::ClientMetric metric;
    (gauge ? metric.gauge.value : metric.counter.value) = value;
    return {name, help, gauge ? prometheus::MetricType::Gauge : prometheus::MetricType::Counter, {metric}};
}

}  // namespace

json::value status_json(const gateway::Services& services, const StatusFacts& facts)
{
    const auto generation = services.generations.current();
    const auto& policy = *generation->policy;
    json::object counters;
    for (const auto& row : rows) counters[row.name] = (services.metrics.*row.counter).load();
    json::array alarms;
    for (const auto& alarm : services.alarms.standing())
        alarms.push_back(
            {{"alarm", alarm.key}, {"since", to_iso8601(alarm.since)}, {"times", alarm.times}, {"text", alarm.text}});
    json::value trial = nullptr;
    if (facts.trial)
        trial = {{"until", to_iso8601(facts.trial->until)},
                 {"before", facts.trial->before},
                 {"author", facts.trial->author}};
    return {
        {"name", policy.node().name},
        {"community", policy.community().suffix.text()},
        {"generation", policy.generation()},
        {"hash", policy.hash()},
        {"published", to_iso8601(generation->published)},
        {"trial", std::move(trial)},
        {"started", to_iso8601(facts.started)},
        {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(facts.now - facts.started).count()},
        {"resident_bytes", resident_bytes()},
        {"storage", services.store.failing() ? "failing" : "fine"},
        {"organisations", policy.organisations().size()},
        {"directory",
         {{"known", facts.directory_known}, {"entries", facts.directory.entries}, {"active", facts.directory.active}}},
        {"queue", queue_json(services, facts)},
        {"ledger", ledger_json(policy, facts)},
        {"next_hops", lanes_json(services)},
        {"scanner", scanner_json(services, facts.now)},
        {"backup", backup_json(facts.backup, facts.now)},
        {"alarms", std::move(alarms)},
        {"last_reload", reload_json(facts.reload)},
        {"counters", std::move(counters)}};
}

std::string status_text(const json::value& status)
{
    const auto& s = status.as_object();
    const auto& queue = s.at("queue").as_object();
    const auto& counters = s.at("counters").as_object();
    const auto number = [](const json::value& value) { return value.to_number<std::int64_t>(); };
    std::string text = fmt::format("{} for {}: generation {}, up since {}\n", s.at("name").as_string().c_str(),
                                   s.at("community").as_string().c_str(), number(s.at("generation")),
                                   s.at("started").as_string().c_str());
    if (const auto* trial = s.at("trial").if_object())
        text += fmt::format("on trial until {}: `postern confirm` keeps it; else generation {} comes back\n",
                            trial->at("until").as_string().c_str(), number(trial->at("before")));
    text += fmt::format("storage {}; {} organisations, {} active entries in the directory\n",
                        s.at("storage").as_string().c_str(), number(s.at("organisations")),
                        number(s.at("directory").as_object().at("active")));
    text += fmt::format("queue: {} messages, {} deliveries waiting, {} held, {} in quarantine\n",
                        number(queue.at("messages")), number(queue.at("queued")), number(queue.at("held")),
                        number(queue.at("quarantined")));
    text += ledger_text(s.at("ledger").as_object());
    text +=
        fmt::format("since the start: {} messages taken, {} recipients handed over, {} failed; {} connections open\n",
                    number(counters.at("messages_accepted")),
                    number(counters.at("recipients_relayed")) + number(counters.at("recipients_delivered")),
                    number(counters.at("recipients_failed")), number(counters.at("connections_open")));
    text += scanner_text(s.at("scanner").as_object());
    text += backup_text(s.at("backup").as_object());
    for (const auto& lane : s.at("next_hops").as_array()) {
        const auto& l = lane.as_object();
        if (l.at("down").as_bool())
            text += fmt::format("next hop {} is down: {}\n", l.at("next_hop").as_string().c_str(),
                                l.at("reason").as_string().c_str());
    }
    const auto& reload = s.at("last_reload").as_object();
    if (reload.at("outcome").as_string() == "rejected")
        text += fmt::format("the last {} ({}) was rejected; `postern status --json` says why\n",
                            reload.at("act").as_string().c_str(), reload.at("at").as_string().c_str());
    const auto& alarms = s.at("alarms").as_array();
    for (const auto& alarm : alarms)
        text += fmt::format("ALARM since {}: {}\n", alarm.as_object().at("since").as_string().c_str(),
                            alarm.as_object().at("text").as_string().c_str());
    if (alarms.empty()) text += "no alarms\n";
    return text;
}

std::string metrics_text(const gateway::Services& services, const StatusFacts& facts)
{
    std::vector<prometheus::MetricFamily> families;
    for (const auto& row : rows)
        families.push_back(family(fmt::format("postern_{}{}", row.name, row.gauge ? "" : "_total"), row.help,
                                  static_cast<double>((services.metrics.*row.counter).load()), row.gauge));
    const auto gauge = [&](const char* name, const char* help, auto value) {
        families.push_back(family(name, help, static_cast<double>(value), true));
    };
    const auto generation = services.generations.current();
    const auto counters = services.store.counters();
    gauge("postern_generation", "Number of the policy generation in force", generation->policy->generation());
    gauge("postern_queue_messages", "Messages in the spool", facts.queue.messages);
    gauge("postern_queue_deliveries", "Deliveries waiting", facts.queue.queued);
    gauge("postern_queue_held", "Deliveries held", facts.queue.held);
    gauge("postern_quarantine", "Deliveries in quarantine", facts.queue.quarantined);
    gauge("postern_queue_oldest_seconds", "Age of the oldest message in the spool",
          facts.queue.oldest ? std::chrono::duration_cast<std::chrono::seconds>(facts.now - *facts.queue.oldest).count()
                             : 0);
    if (facts.backup.made)
        gauge("postern_backup_age_seconds", "Age of the newest backup in the declared folder or at the declared server",
              std::chrono::duration_cast<std::chrono::seconds>(facts.now - *facts.backup.made).count());
    if (services.inspector) {
        const auto scanner = services.inspector->status();
        gauge("postern_scanner_workers", "Workers of the scanner", scanner.workers.size());
        gauge("postern_scanner_waiting", "Messages that wait for a worker of the scanner", scanner.waiting);
        gauge("postern_signatures", "Signatures of the set in force", scanner.signature_count);
        gauge("postern_signatures_age_seconds", "Age of the signature set in force",
              scanner.made ? std::chrono::duration_cast<std::chrono::seconds>(facts.now - *scanner.made).count() : 0);
    }
    gauge("postern_alarms", "Alarms that stand", services.alarms.standing().size());
    gauge("postern_storage_failing", "1 while mail can't be stored", services.store.failing() ? 1 : 0);
    gauge("postern_resident_bytes", "Resident memory of the engine", resident_bytes());
    families.push_back(family("postern_store_commits_total", "Transactions of the mail database",
                              static_cast<double>(counters.commits), false));
    families.push_back(
        family("postern_store_jobs_total", "Writes that shared them", static_cast<double>(counters.jobs), false));
    std::ostringstream text;
    prometheus::TextSerializer{}.Serialize(text, families);
    return text.str();
}

}  // namespace postern::control
