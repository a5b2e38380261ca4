// The mail that tells of an alert: whole for addresses inside, and almost nothing for addresses outside.
//
// Pure; any thread. What a non-secure address may read is a type of its own: a Notice has no place for a sender, a
// subject, a file, an id or a link, so no template and no mistake can put one there.
#pragma once

#include "store/alert_records.hpp"
#include "vocabulary/alerts.hpp"

#include <string>
#include <string_view>

namespace postern::alert {

/// What the service calls itself.
struct Service {
    std::string name;              ///< "cjsm.net"
    std::string node;              ///< "mx.cjsm.net"
    std::string operator_address;  ///< From: of all alerts
};

/// All that leaves the community about an event.
struct Notice {
    std::string what;  ///< the kind of event, in the words of the table of events
    std::string time;  ///< "24 Nov 2026, 19:05 UTC"
    std::string service;
    std::string advice;  ///< the same
};

/// For the address `to` inside: the rule's template filled in, or the built-in text. Whom the event is about reads whom
/// to ask, everybody else how to acknowledge it.
[[nodiscard]] vocabulary::MailTemplate full_text(const store::AlertRecord& alert, bool escalation, std::string_view to,
                                                 const vocabulary::AlertPolicy& policy, const Service& service);
[[nodiscard]] Notice notice_of(vocabulary::EventId event, Instant at, const Service& service);
/// `form`: a rule's template for addresses outside; null: the built-in text. Whatever it names, a Notice is all that
/// there is to fill it with.
[[nodiscard]] vocabulary::MailTemplate notice_text(const Notice& notice,
                                                   const vocabulary::MailTemplate* form = nullptr);
/// The one that the rule of that name has.
[[nodiscard]] const vocabulary::MailTemplate* notice_form(const vocabulary::AlertPolicy& policy, std::string_view rule);
/// What people inside are told of a window.
[[nodiscard]] vocabulary::MailTemplate maintenance_text(const vocabulary::MaintenanceWindow& window,
                                                        const Service& service);
/// What whoever was told of a window reads when it will not be: inside, and outside.
[[nodiscard]] vocabulary::MailTemplate cancellation_text(const vocabulary::MaintenanceWindow& window,
                                                         const Service& service);
[[nodiscard]] Notice cancellation_notice(const vocabulary::MaintenanceWindow& window, const Service& service);

/// An RFC 5322 message, CRLF, 7 bits. `unique` makes its Message-ID: the message's id inside, and for an address
/// outside something that names nothing.
[[nodiscard]] std::string compose(const vocabulary::MailTemplate& text, const std::string& to,
                                  const std::string& unique, Instant at, const Service& service);

/// "24 Nov 2026, 19:05 UTC"
[[nodiscard]] std::string readable(Instant at);

}  // namespace postern::alert
