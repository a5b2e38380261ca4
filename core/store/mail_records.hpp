// What mail.db keeps, as values: messages, their deliveries and recipients, and what became of each.
//
// A message row and its recipient rows are the ledger and outlive delivery; content and delivery rows are the
// spool and go when all is settled. No I/O here.
#pragma once

#include "base/clock.hpp"
#include "mail/edit.hpp"
#include "mail/envelope.hpp"
#include "vocabulary/facts.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::store {

/// The bytes of a message as received: CRLF lines, no dot-stuffing. Shared, immutable.
using Content = std::shared_ptr<const std::string>;

/// What became of one recipient. Final states are those behind `held`.
enum class State { queued, held, relayed, delivered, failed, expired, refused, removed };
[[nodiscard]] std::string_view name_of(State state) noexcept;
[[nodiscard]] std::optional<State> state_named(std::string_view name) noexcept;
[[nodiscard]] constexpr bool is_final(State state) noexcept
{
    return state > State::held;
}

/// One recipient of a message.
struct RecipientRecord {
    std::int64_t id = 0;       ///< given by the store
    std::string address;       ///< in its form inside the community
    std::string hop_address;   ///< as its next hop knows it (suffix stripped for a server member)
    std::string organisation;  ///< id of its organisation; empty: outside
    mail::Notify notify;
    std::string original_recipient;  ///< ORCPT as it came (xtext)
    State state = State::queued;
    std::string last_reply;  ///< what was last said about it: a peer's reply or our reason
    Instant changed{};
    bool delay_reported = false;
};

/// Recipients that get the same bytes at the same member: one row of the queue.
struct DeliveryRecord {
    std::int64_t id = 0;       ///< given by the store
    std::string organisation;  ///< of its recipients
    mail::Edits edits;         ///< against the content
    Instant due{};             ///< next attempt not before
    unsigned attempts = 0;
    bool held = false;
    std::string hold_reason;
    std::string bounce_reason;  ///< not empty: the next attempt gives up with this reason instead of trying
    std::vector<RecipientRecord> recipients;
};

/// One accepted message.
struct MessageRecord {
    std::string id;  ///< make_message_id
    Instant received{};
    vocabulary::Origin origin = vocabulary::Origin::member;
    std::uint64_t generation = 0;   ///< whose content decision it carries
    std::string organisation;       ///< that sent it; empty for reports and alerts
    std::string sender;             ///< reverse-path in its form inside the community; empty: null
    std::string header_message_id;  ///< Message-ID as it stands, at most 998 bytes
    std::string peer;               ///< "192.0.2.1"
    std::string helo;
    std::string tls;         ///< "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: clear text
    std::uint64_t size = 0;  ///< bytes of content
    mail::Body body = mail::Body::seven_bit;
    bool smtputf8 = false;
    bool require_tls = false;
    mail::Return ret = mail::Return::unspecified;
    std::string envelope_id;
    std::string rules;  ///< rules that held, JSON array of texts
};

/// A message on its way into the store.
struct NewMessage {
    MessageRecord message;
    Content content;
    std::vector<DeliveryRecord> deliveries;
    std::vector<RecipientRecord> refused;  ///< recipients that mixed verdicts refused after DATA: ledger only
};

/// A delivery on its way out: everything an attempt needs except the content.
struct QueuedDelivery {
    std::shared_ptr<const MessageRecord> message;
    DeliveryRecord delivery;
};

/// What one attempt made of one recipient.
struct RecipientOutcome {
    std::int64_t recipient_id = 0;
    State state = State::queued;  ///< queued: try again at `next_attempt`
    std::string reply;            ///< at most 1,000 bytes
    bool delay_reported = false;  ///< set with the delay report
};

/// One attempt, recorded whole or not at all; reports it causes are stored in the same commit.
struct AttemptOutcome {
    std::string message_id;
    std::int64_t delivery_id = 0;
    Instant at{};
    std::uint64_t generation = 0;  ///< in force at the attempt
    std::string next_hop;          ///< "mail.greenstonechambers.co.uk [192.0.2.1]:25"; empty: none was reached
    std::string tls;
    std::vector<RecipientOutcome> recipients;
    Instant next_attempt{};  ///< for those still queued
    bool hold = false;       ///< the rest is held until released
    std::string hold_reason;
    std::vector<NewMessage> reports;
};

/// One line of a message's history.
struct Event {
    Instant at{};
    std::string kind;       ///< "received", "attempt", "held", "released", "removed", "bounced", "retry", "report"
    std::string recipient;  ///< address inside the community; empty: the whole message
    std::string state;
    std::string next_hop;  ///< of an attempt; of "received": the peer it came from
    std::string tls;
    std::string reply;  ///< a peer's words, or the reason of an act; of "report": the id of the report
    std::uint64_t generation = 0;
    std::string actor;  ///< who did it, for acts of administrators
};

/// Which queued messages an administrator means; empty members do not restrict.
struct QueueFilter {
    std::vector<std::string> ids;
    std::string sender;        ///< glob, case-blind
    std::string recipient;     ///< glob, case-blind
    std::string organisation;  ///< of the recipient
    std::optional<bool> held;
    std::optional<Duration> older_than;
    std::size_t limit = 1000;
};

struct QueueEntry {
    MessageRecord message;
    DeliveryRecord delivery;
};

struct TraceFilter {
    std::string id;    ///< message id, or a Message-ID header
    std::string from;  ///< glob over the sender, case-blind
    std::string to;    ///< glob over recipients, case-blind
    std::optional<Instant> since;
    std::size_t limit = 100;
};

struct Trace {
    MessageRecord message;
    std::vector<RecipientRecord> recipients;
    std::vector<Event> events;
};

struct QueueTotals {
    std::uint64_t messages = 0, queued = 0, held = 0;  ///< messages with content; deliveries in each state
    std::optional<Instant> oldest;
    std::vector<std::pair<std::string, std::uint64_t>> by_organisation;
};

}  // namespace postern::store
