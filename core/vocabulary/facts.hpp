// What conditions can see: the facts of one stage, as views into what the stage holds.
//
// Built by gateway/ for each recipient and stage, read by policy/. An empty optional is an absent field. Views
// must outlive the evaluation; nothing is copied.
#pragma once

#include "base/clock.hpp"
#include "mail/address.hpp"
#include "mail/header.hpp"
#include "mail/mime.hpp"
#include "vocabulary/inspection.hpp"
#include "vocabulary/organisation.hpp"
#include "vocabulary/recorded.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::vocabulary {

/// Stages in the order in which mail meets them; a field exists from its stage on.
enum class Stage { connect, sender, recipient, message, delivery };

/// Who made the message: a member, Postern as a report, or Postern as an alert.
enum class Origin { member, report, alert };

struct Event;

struct Facts {
    Stage stage = Stage::connect;
    Instant time{};
    Origin origin = Origin::member;
    std::optional<Ip> peer;
    bool tls = false;
    const Organisation* sender_organisation = nullptr;
    const mail::Address* sender = nullptr;     ///< in its form inside the community; null for "<>"
    const mail::Address* recipient = nullptr;  ///< in its form inside the community
    const Organisation* recipient_organisation = nullptr;
    std::string_view recipient_function;  ///< directory: name of the function, if it is one
    std::optional<bool> recipient_inside;
    std::optional<std::uint64_t> size;     ///< bytes
    std::string_view content;              ///< from stage message on
    const mail::Header* header = nullptr;  ///< from stage message on
    const mail::Structure* structure =
        nullptr;                             ///< from stage message on; null: unknown (clauses on attachments are too)
    const Inspection* inspection = nullptr;  ///< what the scanner saw; null: unknown
    const Recorded* recorded = nullptr;      ///< of a message whose content is gone: counts before all but the time
    std::optional<std::size_t> recipients;   ///< how many the transaction has; from stage message on
    std::optional<bool> first_contact;  ///< this recipient never got anything from this sender; absent: not looked up
    std::string_view listener;          ///< name of the listener that it came in by
    std::string_view recipient_kind;    ///< directory: "user", "function", "group"; empty: not listed
    std::uint64_t generation = 0;
    const Event* event = nullptr;  ///< what a script of alerts.yaml is asked about; then there is no message
};

}  // namespace postern::vocabulary
