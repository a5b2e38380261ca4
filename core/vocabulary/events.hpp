// The one table of events: what can happen that somebody may have to be told.
//
// ports/alarms raises them, alerts.yaml's rules name them, templates and conditions see their fields; the JSON Schema
// and the reference are made from this table. Immutable; all threads.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::vocabulary {

enum class EventId : std::uint8_t {
    virus_found,
    scanner_down,
    scanner_failing,
    signatures_stale,
    signatures_rejected,
    message_quarantined,
    queue_backlog,
    destination_down,
    destination_unproved,
    organisation_gone,
    ambiguous_proof,
    certificate_expiring,
    disk_low,
    storage_failing,
    policy_reload_failed,
    script_resting,
    script_failing,
    bounce_storm,
    maintenance_announced,
    login_lockout,
    login_unlocked,
    password_expiring,
    login_idle,
    password_reset,
    second_factor_reset,
    non_secure_changed,
    exceptional_access,
    case_opened,
    organisation_task,
    audit_head,
    tampering,
    backup_failed,
    firmware_fell_back,
    alert_unsent,
    condition_raised,
};

/// How much it matters. notice: to be known; warning: to be looked at; critical: mail or safety is at stake.
enum class Severity : std::uint8_t { notice, warning, critical };

/// What a rule may declare about an event, and how it is written.
enum class ThresholdForm : std::uint8_t {
    none,
    duration,  ///< "1 hour"
    share,     ///< of a disk: "10 %", or a size: "2 GiB"
    rate,      ///< "50 per 10 minutes"
};

struct EventInfo {
    EventId id;
    std::string_view name;  ///< as `on:` says it
    Severity severity;
    bool standing;               ///< a condition that is raised and cleared; else a moment
    std::string_view alarm;      ///< first word of the alarm's key in status; empty: it is no alarm
    std::string_view threshold;  ///< the other form of `on:`: `{ queue_older_than: 1 hour }`; empty: it has none
    ThresholdForm form;
    std::string_view usual;                    ///< the threshold where a rule names none
    std::span<const std::string_view> fields;  ///< that it carries beside those of every event
    std::string_view title;                    ///< without any content: all that a non-secure address reads of it
    std::string_view advice;                   ///< the same: what to do
    std::string_view description;              ///< for the reference
};

/// In the order of the reference.
[[nodiscard]] std::span<const EventInfo> events() noexcept;
[[nodiscard]] const EventInfo& info(EventId id) noexcept;
/// By name, or by the name of its threshold; null if there is none.
[[nodiscard]] const EventInfo* find_event(std::string_view name) noexcept;
/// The event behind an alarm's key ("hop-unproved organisation:greenstone"); condition_raised for an unknown kind.
[[nodiscard]] const EventInfo& event_of_alarm(std::string_view key) noexcept;
/// Names and names of thresholds: for "did you mean".
[[nodiscard]] std::vector<std::string> event_names();
/// What every event carries: event, severity, time, text, object, organisation, threshold.
[[nodiscard]] std::span<const std::string_view> common_event_fields() noexcept;
/// Those and the event's own.
[[nodiscard]] bool carries(const EventInfo& event, std::string_view field) noexcept;
/// "notice", "warning", "critical".
[[nodiscard]] std::string_view name_of(Severity severity) noexcept;

/// A threshold as a rule declares it.
struct Threshold {
    std::string text;             ///< in one form: "1 hour", "10 %", "50 per 10 minutes"
    Duration duration{};          ///< duration
    std::optional<double> share;  ///< share: of the whole, 0 to 1
    std::uint64_t bytes = 0;      ///< share: where it was written as a size
    Rate rate;                    ///< rate
    friend bool operator==(const Threshold&, const Threshold&) = default;
};
/// Faults (never) are of the form "what; remedy".
[[nodiscard]] Result<Threshold> parse_threshold(ThresholdForm form, std::string_view text);

/// Names and values; names are those of the table. Values are what a template may show: text of any length.
using EventFields = std::vector<std::pair<std::string, std::string>>;

/// One event as it happened.
struct Event {
    EventId id = EventId::condition_raised;
    std::string object;  ///< what it is about: the alarm's key, or what a moment names ("ID" of a message)
    std::string text;    ///< what is wrong, what follows, what to do; for administrators
    Instant at{};
    bool cleared = false;  ///< a standing condition that has ended
    EventFields fields;

    /// The field's value, common ones included; nothing if it is not there.
    [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
};

}  // namespace postern::vocabulary
