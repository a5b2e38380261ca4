// Delivery status notifications (RFC 3461 to 3464, RFC 6522, RFC 6533) as complete messages.
//
// Pure functions, on any thread; not on the hot path. Everything that came from outside (addresses, replies, headers)
// is made safe before it stands in a report.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "mail/envelope.hpp"
#include "report/templates.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::report {

/// Whether a report of this kind is due for a recipient: RFC 3461 section 4.1; failure and delay where NOTIFY was not
/// given. Never when the sender is null: no report about a report.
[[nodiscard]] bool wanted(const mail::Notify& notify, Kind kind, bool sender_is_null) noexcept;

/// One recipient that the report is about.
struct ReportedRecipient {
    std::string address;             ///< in its form inside the community
    std::string original_recipient;  ///< ORCPT as it came ("rfc822;user@example" in xtext); empty if none
    std::string organisation;        ///< its organisation's name; may be empty
    /// What was last said about it: a peer's reply ("550 5.1.1 No such user", lines joined by a space) or our reason.
    std::string reply;
    bool reply_from_peer = false;  ///< `reply` is what the next hop said: Diagnostic-Code and Remote-MTA
    std::string remote_mta;        ///< host name of the next hop; empty if none was reached
    Status status{0, 0};           ///< used where `reply` has no RFC 3463 status in it
    std::string reason;            ///< in plain words, instead of those that the status means; may be empty
    std::optional<Instant> last_attempt;
    std::string tls{};    ///< under which it was handed over; may be empty
    bool silent = false;  ///< its server was to report delivery, and said nothing
};

/// Everything about the message and the report on it. Views must outlive the call.
struct ReportRequest {
    Kind kind = Kind::failure;
    std::string report_id;         ///< make_message_id of the report: its Message-ID and boundary
    Instant at{};                  ///< now
    std::string node;              ///< our host name: Reporting-MTA
    std::string service;           ///< how people call it: the community's suffix; empty: `node`
    std::string operator_address;  ///< From
    std::string sender;            ///< reverse-path of the original: To. Must not be empty
    std::string message_id;        ///< our id of the original
    Instant received{};            ///< Arrival-Date
    std::string envelope_id;       ///< ENVID, decoded; empty if none
    mail::Return ret = mail::Return::unspecified;
    bool smtputf8 = false;                                  ///< the original needed SMTPUTF8
    std::string_view content;                               ///< of the original; empty: nothing is returned
    std::string original_message_id{};                      ///< Message-ID of the original, where `content` is empty
    std::uint64_t return_at_most = std::uint64_t{1} << 20;  ///< bytes of a message returned whole; larger: its header
    std::optional<Instant> retry_until;                     ///< for a delay: when the message is given up
    std::vector<ReportedRecipient> recipients;              ///< at least one
};

struct NewReport {
    std::string content;      ///< RFC 5322 message, CRLF lines
    bool needs_8bit = false;  ///< BODY=8BITMIME
    bool smtputf8 = false;    ///< RFC 6533 forms were used
};

/// Makes the report. The whole message is returned only for a failure with RET=FULL (RFC 3461 section 4.3), its header
/// otherwise. Fault (never) if sender or recipients are missing, or a template can't be filled in.
[[nodiscard]] Result<NewReport> build(const ReportRequest& request, const Templates& templates = Templates::built_in());

/// What a status means and what to do about it, for people.
struct PlainWords {
    std::string reason;
    std::string advice;
};
[[nodiscard]] PlainWords explain(Kind kind, Status status);

}  // namespace postern::report
