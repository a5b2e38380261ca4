// What happens once to every message at the door: trust ends, the sender's addresses get their form inside the
// community, and the Received field says who took the message from whom.
//
// Pure functions on the hot path; any thread. Views in EntryFacts must outlive the call only. What is wrong with a
// message is a Fault (never); odd bytes are carried, not refused.
#pragma once

#include "base/clock.hpp"
#include "mail/header.hpp"
#include "vocabulary/organisation.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::transform {

/// The name of the field that carries the trace token (trace_token.hpp).
inline constexpr std::string_view trace_field = "Postern-Trace";

/// What the session and the policy know about a message that has come in whole.
struct EntryFacts {
    std::string_view message_id;  ///< given by make_message_id
    std::string_view node;        ///< our host name: Received, Authentication-Results, Message-ID
    std::string_view suffix;      ///< of the community; Authentication-Results in its name are ours too
    std::string_view helo;        ///< as the client said it; made safe here
    vocabulary::Ip peer;
    std::string_view tls;  ///< "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: clear text
    bool extended = true;  ///< EHLO rather than HELO
    bool smtputf8 = false;
    std::uint64_t generation = 0;
    Instant at{};
    const vocabulary::Organisation* sender = nullptr;        ///< whose connection it is; null: no address is changed
    const mail::Address* only_recipient = nullptr;           ///< null when there are several: Received names none then
    std::span<const std::string> added_by_tags;              ///< names of fields that tags add
    std::span<const std::string> prefixes_removed_on_entry;  ///< subject prefixes, "CJSM: "
    /// Of a copy that a list makes: fields that take the place of any of that name (RFC 2919, RFC 2369).
    std::span<const std::pair<std::string, std::string>> list_fields{};
};

/// The edits that all deliveries of the message share. `content` must outlive the editor.
///
/// What asks for a receipt to an address outside the community goes: a reader's program would send it past us.
/// Addresses of the sender's own domains get their secure domain in From, Sender, Reply-To, To, Cc, their Resent-
/// forms, Mail-Followup-To and what asks for receipts (Disposition-Notification-To, Return-Receipt-To,
/// X-Confirm-Reading-To): only the domain's bytes change. Bcc, Resent-Bcc, Return-Path, every Postern- field, the
/// fields that tags add and Authentication-Results in our name go.
/// Subject prefixes are taken off. Date and Message-ID are added where absent (RFC 6409 section 8), Received always
/// (RFC 5321 section 4.4; "with" as in RFC 3848 and RFC 6531).
[[nodiscard]] mail::HeaderEditor on_entry(std::string_view content, const mail::Header& header,
                                          const EntryFacts& facts);

/// The fields that on_entry() takes out since they ask for a receipt to an address outside, as they were: "Name:
/// value".
[[nodiscard]] std::vector<std::string> receipts_outside(const mail::Header& header,
                                                        const vocabulary::Organisation* sender,
                                                        std::string_view suffix);

/// Whether From: names exactly one address, outside of any group, of the organisation's domains in either form.
/// Fault: never, 5.7.1, with a text that says what to change.
[[nodiscard]] Result<void> check_from(const mail::Header& header, const vocabulary::Organisation& of);

/// Whether a message may have the null sender: Content-Type multipart/report or one of the report types that stand
/// alone (message/delivery-status, message/disposition-notification, ...), or Auto-Submitted other than "no" (RFC
/// 3834).
[[nodiscard]] bool is_report_or_auto(const mail::Header& header);

}  // namespace postern::transform
