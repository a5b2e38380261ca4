#include "vocabulary/events.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace postern::vocabulary {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 7> common{"event",  "severity",     "time",     "text",
                                                 "object", "organisation", "threshold"};

constexpr std::array<std::string_view, 10> about_message{"sender.address",
                                                         "sender.organisation",
                                                         "recipient.address",
                                                         "recipient.organisation",
                                                         "message.id",
                                                         "message.subject",
                                                         "attachment.name",
                                                         "signature",
                                                         "digest",
                                                         "verdict"};
constexpr std::array<std::string_view, 6> about_quarantine{
    "sender.address", "sender.organisation", "recipient.address", "recipient.organisation", "message.id", "reason"};
constexpr std::array<std::string_view, 1> reason{"reason"};
constexpr std::array<std::string_view, 2> signatures{"age", "version"};
constexpr std::array<std::string_view, 2> backlog{"age", "deliveries"};
constexpr std::array<std::string_view, 3> destination{"destination", "age", "reason"};
constexpr std::array<std::string_view, 2> unproved{"destination", "reason"};
constexpr std::array<std::string_view, 1> peer{"peer"};
constexpr std::array<std::string_view, 3> certificate{"certificate", "file", "ends"};
constexpr std::array<std::string_view, 2> disk{"file", "free"};
constexpr std::array<std::string_view, 1> script{"script"};
constexpr std::array<std::string_view, 2> failing_script{"script", "reason"};
constexpr std::array<std::string_view, 1> bounces{"count"};
constexpr std::array<std::string_view, 4> maintenance{"from", "to", "announcement", "intake"};
constexpr std::array<std::string_view, 2> login{"user.address", "user.non_secure"};
constexpr std::array<std::string_view, 3> password{"user.address", "user.non_secure", "ends"};
constexpr std::array<std::string_view, 4> access{"user.address", "user.non_secure", "who", "ends"};
constexpr std::array<std::string_view, 3> people_case{"user.address", "case", "kind"};
constexpr std::array<std::string_view, 2> task{"task", "ends"};
constexpr std::array<std::string_view, 1> head{"head"};
constexpr std::array<std::string_view, 4> unsent{"rule", "channel", "target", "reason"};

constexpr std::string_view sign_in = "Sign in to the secure service for details, or ask its operator.";
constexpr std::string_view not_you = "If nobody did this for you, tell the service's helpdesk at once, by telephone.";
constexpr std::string_view ask_gateway = "Look at the service's status on its own console.";

/// Without a threshold of its own.
constexpr EventInfo plain(EventId id, std::string_view name, Severity severity, std::string_view alarm, Names fields,
                          std::string_view title, std::string_view advice, std::string_view description)
{
    return {id, name, severity, !alarm.empty(), alarm, {}, ThresholdForm::none, {}, fields, title, advice, description};
}

constexpr EventInfo measured(EventId id, std::string_view name, Severity severity, std::string_view alarm,
                             std::string_view threshold, ThresholdForm form, std::string_view usual, Names fields,
                             std::string_view title, std::string_view description)
{
    return {id, name, severity, true, alarm, threshold, form, usual, fields, title, ask_gateway, description};
}

/// What is told of a login some time before: a moment for each threshold.
constexpr EventInfo before_the_end(EventId id, std::string_view name, std::string_view threshold,
                                   std::string_view usual, Names fields, std::string_view title,
                                   std::string_view advice, std::string_view description)
{
    auto event =
        measured(id, name, Severity::notice, "", threshold, ThresholdForm::duration, usual, fields, title, description);
    event.standing = false;
    event.advice = advice;
    return event;
}

using enum Severity;

constexpr std::array table{
    plain(EventId::virus_found, "virus_found", critical, "", about_message, "A virus was found in a message", sign_in,
          "The scanner found a virus; the message was refused or quarantined."),
    plain(EventId::scanner_down, "scanner_down", critical, "scanner", reason, "The virus scanner is out of service",
          ask_gateway, "Nothing can be scanned; new mail is deferred."),
    plain(EventId::scanner_failing, "scanner_failing", warning, "scanner-failing", reason,
          "The virus scanner fails again and again", ask_gateway,
          "Workers of the scanner crashed, hung or grew too large, more often than is normal."),
    plain(EventId::signatures_stale, "signatures_stale", warning, "signatures", signatures,
          "The virus signatures are out of date", ask_gateway, "The signature set is older than node.yaml allows."),
    plain(EventId::signatures_rejected, "signatures_rejected", warning, "signatures-rejected", reason,
          "New virus signatures could not be used", ask_gateway,
          "A new signature set failed its test; the old one stays in use."),
    plain(EventId::message_quarantined, "message_quarantined", notice, "", about_quarantine,
          "A message was put into quarantine", sign_in, "A rule or the scanner put a message into quarantine."),
    measured(EventId::queue_backlog, "queue_backlog", warning, "queue-backlog", "queue_older_than",
             ThresholdForm::duration, "1 hour", backlog, "Mail is waiting longer than usual",
             "The oldest message that waits to be delivered, and is not held, is older than this."),
    measured(EventId::destination_down, "destination_down", warning, "destination-down", "destination_down_for",
             ThresholdForm::duration, "30 minutes", destination, "A destination can't be reached",
             "A next hop has mail waiting and could not be reached for this long."),
    plain(EventId::destination_unproved, "destination_unproved", critical, "hop-unproved", unproved,
          "A destination could not prove itself", ask_gateway,
          "A next hop failed its declared proof by TLS and gets no mail."),
    plain(EventId::organisation_gone, "organisation_gone", warning, "organisation-gone", {},
          "Mail waits for a member that is no longer declared", ask_gateway,
          "The queue holds mail for an organisation that the policy no longer has."),
    plain(EventId::ambiguous_proof, "ambiguous_proof", warning, "ambiguous-proof", peer,
          "A connection could be more than one member's", ask_gateway,
          "A connection proved itself as more than one member and was refused."),
    measured(EventId::certificate_expiring, "certificate_expiring", warning, "certificate", "certificate_expires_in",
             ThresholdForm::duration, "14 days", certificate, "A certificate of the service is about to expire",
             "A listener's certificate, or an authority that the policy names, ends within this time."),
    measured(EventId::disk_low, "disk_low", critical, "disk-low", "disk_free_below", ThresholdForm::share, "10 %", disk,
             "Disk space is running out", "Less than this of the storage's file system is free."),
    plain(EventId::storage_failing, "storage_failing", critical, "storage", {}, "Mail can't be stored", ask_gateway,
          "The database refuses writes; new mail is deferred until it works again."),
    plain(EventId::policy_reload_failed, "policy_reload_failed", warning, "policy", {},
          "A change of the policy was rejected", ask_gateway,
          "A reload found errors; the generation before it stays in force."),
    plain(EventId::script_resting, "script_resting", warning, "script-resting", script,
          "A rule's script is being rested", ask_gateway,
          "A script went over its budget too often; its rule's on_error applies for a while."),
    plain(EventId::script_failing, "script_failing", warning, "script-failing", failing_script, "A rule's script fails",
          ask_gateway,
          "A script ended with an error for several messages in a row; its rule's on_error applies to them."),
    measured(EventId::bounce_storm, "bounce_storm", warning, "bounce-storm", "bounces_over", ThresholdForm::rate,
             "100 per 10 minutes", bounces, "Unusually many deliveries fail",
             "More recipients than this failed for good in that time."),
    plain(EventId::maintenance_announced, "maintenance_announced", notice, "", maintenance,
          "Maintenance of the service is planned", sign_in,
          "Somebody announced a maintenance window, or the policy declares a new one."),
    plain(EventId::login_lockout, "login_lockout", warning, "", login, "A login was locked", sign_in,
          "Wrong passwords locked a login."),
    plain(EventId::login_unlocked, "login_unlocked", notice, "", login, "Your login was opened again", not_you,
          "Somebody took the lock of a user's login away; the password stays."),
    before_the_end(EventId::password_expiring, "password_expiring", "password_expires_in", "7 days", password,
                   "Your password is about to expire", "Sign in to the secure service and choose a new password.",
                   "A user's password ends within this time."),
    before_the_end(EventId::login_idle, "login_idle", "login_locks_in", "14 days", password,
                   "Your login is about to be locked, since it is not used",
                   "Sign in to the secure service, or send a message by it.",
                   "A login is locked within this time unless its user logs in, sends or receives."),
    plain(EventId::password_reset, "password_reset", notice, "", login, "Your password was reset", not_you,
          "Somebody gave a user a one-time password, after the security data was confirmed or by a case."),
    plain(EventId::second_factor_reset, "second_factor_reset", warning, "", login, "Your second factor was taken away",
          not_you, "A user's second factor was taken away; they set up a new one."),
    plain(EventId::non_secure_changed, "non_secure_changed", notice, "", login,
          "Your address outside the service was changed", not_you,
          "An entry's non-secure address was changed: user.non_secure is the one that counted until now."),
    plain(EventId::exceptional_access, "exceptional_access", warning, "", access,
          "Somebody else was given access to a mailbox", sign_in,
          "Exceptional access to a user's mailbox was approved, or ended."),
    plain(EventId::case_opened, "case_opened", notice, "", people_case, "Somebody has to decide a case", sign_in,
          "A case waits for the service manager, or for a second person."),
    before_the_end(EventId::organisation_task, "organisation_task", "task_due_in", "30 days", task,
                   "Your organisation has something to do", sign_in,
                   "A yearly task of an organisation is due within this time, or overdue; or it names fewer than two "
                   "administrators, or no signatory."),
    plain(EventId::audit_head, "audit_head", notice, "", head, "The audit's signed head", sign_in,
          "The end of the audit's chain, signed: what was kept elsewhere proves that nothing before it was changed."),
    plain(EventId::tampering, "tampering", critical, "tampering", reason, "The service's records may have been changed",
          ask_gateway,
          "The archive of policies or the audit does not fit its proof, or others may write to the service's storage."),
    plain(EventId::backup_failed, "backup_failed", warning, "backup", reason, "A backup could not be made", ask_gateway,
          "A declared backup failed, or the newest one is older than it should be."),
    plain(EventId::firmware_fell_back, "firmware_fell_back", warning, "appliance", {},
          "The service went back to the version before", ask_gateway,
          "A new version of the appliance was not healthy, and the version before runs again: as the appliance's own "
          "programs say."),
    plain(EventId::alert_unsent, "alert_unsent", warning, "", unsent, "A warning could not be sent", ask_gateway,
          "An alert failed for good on one of its ways. One about such an alert raises none."),
    plain(EventId::condition_raised, "condition_raised", warning, "", {}, "The service needs attention", ask_gateway,
          "Any other alarm that `postern status` shows."),
};

constexpr bool in_order()
{
    for (std::size_t i = 0; i < table.size(); ++i)
        if (static_cast<std::size_t>(table[i].id) != i) return false;
    return true;
}
static_assert(in_order());

}  // namespace

std::span<const EventInfo> events() noexcept
{
    return table;
}

const EventInfo& info(EventId id) noexcept
{
    return table[static_cast<std::size_t>(id)];
}

const EventInfo* find_event(std::string_view name) noexcept
{
    const auto found = std::ranges::find_if(
        table, [&](const EventInfo& e) { return e.name == name || (!e.threshold.empty() && e.threshold == name); });
    return found == table.end() ? nullptr : &*found;
}

const EventInfo& event_of_alarm(std::string_view key) noexcept
{
    const auto kind = key.substr(0, key.find(' '));
    const auto found =
        std::ranges::find_if(table, [&](const EventInfo& e) { return !e.alarm.empty() && e.alarm == kind; });
    return found == table.end() ? info(EventId::condition_raised) : *found;
}

std::vector<std::string> event_names()
{
    std::vector<std::string> names;
    for (const auto& event : table) {
        names.emplace_back(event.name);
        if (!event.threshold.empty()) names.emplace_back(event.threshold);
    }
    return names;
}

std::span<const std::string_view> common_event_fields() noexcept
{
    return common;
}

bool carries(const EventInfo& event, std::string_view field) noexcept
{
    return std::ranges::find(common, field) != common.end() ||
           std::ranges::find(event.fields, field) != event.fields.end();
}

std::string_view name_of(Severity severity) noexcept
{
    constexpr std::array<std::string_view, 3> names{"notice", "warning", "critical"};
    return names[static_cast<std::size_t>(severity)];
}

namespace {

Result<Threshold> parse_share(std::string_view text)
{
    Threshold threshold;
    if (text.ends_with('%')) {
        const auto share = parse_percent(text);
        if (!share) return std::unexpected(share.error());
        threshold.share = *share;
        threshold.text = std::string(trim(text.substr(0, text.size() - 1))) + " %";
        return threshold;
    }
    const auto size = parse_size(text);
    if (!size)
        return fault(Retry::never,
                     "\"" + printable(text, 60) + "\" is no share of a disk; write \"10 %\" or \"2 GiB\"");
    threshold.bytes = *size;
    threshold.text = print_size(*size);
    return threshold;
}

}  // namespace

Result<Threshold> parse_threshold(ThresholdForm form, std::string_view text)
{
    Threshold threshold;
    switch (form) {
        case ThresholdForm::duration: {
            const auto duration = parse_duration(text);
            if (!duration) return std::unexpected(duration.error());
            threshold.duration = *duration;
            threshold.text = print_duration(*duration);
            return threshold;
        }
        case ThresholdForm::rate: {
            const auto rate = parse_rate(text);
            if (!rate) return std::unexpected(rate.error());
            threshold.rate = *rate;
            threshold.text = print_rate(*rate);
            return threshold;
        }
        case ThresholdForm::share:
            return parse_share(trim(text));
        case ThresholdForm::none:
            break;
    }
    return fault(Retry::never, "this event has no threshold; name the event alone");
}

std::optional<std::string> Event::field(std::string_view name) const
{
    const auto found = std::ranges::find(fields, name, &EventFields::value_type::first);
    if (found != fields.end()) return found->second;
    const auto& kind = info(id);
    if (name == "event") return std::string(kind.name);
    if (name == "severity") return std::string(name_of(kind.severity));
    if (name == "time") return to_iso8601(at);
    if (name == "text") return text;
    if (name == "object") return object;
    return std::nullopt;
}

}  // namespace postern::vocabulary
