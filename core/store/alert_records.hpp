// What mail.db keeps about alerts and maintenance, as values. No I/O here.
#pragma once

#include "base/clock.hpp"
#include "vocabulary/alerts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::store {

/// One alert: an event that a rule took, and what became of it.
struct AlertRecord {
    std::int64_t number = 0;  ///< given by the store
    std::string id;           ///< as of messages
    std::string rule;         ///< its name in alerts.yaml; empty: none, a test or maintenance
    vocabulary::EventId event = vocabulary::EventId::condition_raised;
    std::string object;    ///< what the event is about
    std::string grouping;  ///< value of the rule's group_by
    Instant at{};
    std::string text;
    vocabulary::EventFields fields;
    std::uint64_t suppressed = 0;  ///< events of the group left out before this alert
    std::uint64_t left_out = 0;    ///< and after it, so far
    std::optional<Instant> cleared;
    std::optional<Instant> acknowledged;
    std::string acknowledged_by;
    std::string comment;
    std::optional<Instant> escalates;  ///< when, unless acknowledged or cleared before
    std::optional<Instant> escalated;
    std::uint64_t generation = 0;
};

enum class SendState : std::uint8_t { waiting = 0, sent = 1, failed = 2 };

/// One alert on one way to one target.
struct AlertSend {
    std::int64_t number = 0;  ///< given by the store
    std::int64_t alert = 0;
    vocabulary::AlertChannel channel = vocabulary::AlertChannel::mail;
    std::string target;  ///< address; URL; syslog server
    bool secure = true;  ///< mail: an address inside; false: only the kind of event is told
    bool escalation = false;
    SendState state = SendState::waiting;
    unsigned attempts = 0;
    Instant due{};
    std::string note;  ///< sent: id of the message; else why the last attempt failed
};

struct AlertWithSends {
    AlertRecord alert;
    std::vector<AlertSend> sends;
};

struct MaintenanceRecord {
    std::int64_t number = 0;  ///< given by the store
    std::string id;           ///< of an announced one; "declared:NAME" of one in alerts.yaml
    vocabulary::MaintenanceWindow window;
    std::string by;
    Instant announced{};
    std::optional<Instant> cancelled;
    std::string cancelled_by;
    std::uint64_t told = 0;  ///< mails made so far
};

}  // namespace postern::store
