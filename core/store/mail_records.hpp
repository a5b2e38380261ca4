// What mail.db keeps, as values: messages, their deliveries and recipients, and what became of each.
//
// A message row and its recipient rows are the ledger and outlive delivery; content and delivery rows are the
// spool and go when all is settled. No I/O here.
#pragma once

#include "base/clock.hpp"
#include "mail/edit.hpp"
#include "mail/envelope.hpp"
#include "vocabulary/facts.hpp"
#include "vocabulary/heard.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::store {

/// The bytes of a message as received: CRLF lines, no dot-stuffing. Shared, immutable.
using Content = std::shared_ptr<const std::string>;

/// What became of one recipient. The numbers stand in the database. Open are queued, held and quarantined; redirected:
/// another recipient got it instead, by a content rule.
enum class State {
    queued,
    held,
    relayed,
    delivered,
    failed,
    expired,
    refused,
    removed,
    quarantined,
    redirected,
    expanded
};
[[nodiscard]] std::string_view name_of(State state) noexcept;
[[nodiscard]] std::optional<State> state_named(std::string_view name) noexcept;
[[nodiscard]] constexpr bool is_final(State state) noexcept
{
    return state > State::held && state != State::quarantined;
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
    /// What content rules decided, as JSON {"verdict", "rule", "rules", "reason", "notes", ...}; empty: none held.
    std::string decision{};
    unsigned heard = 0;  ///< what its member reported of it: set of vocabulary::Heard by bit()
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
    /// To be decided before anything else is done with it; then it has one recipient and no edits.
    bool undecided = false;
    bool quarantined = false;  ///< kept for people to decide; then it has one recipient and no edits
    std::string rule{};        ///< name of the rule that ordered hold or quarantine
    std::optional<Instant>
        ends{};  ///< held: then it goes on; quarantined: then it is given up; absent: never by itself
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
    std::string rules;       ///< rules that held, JSON array of texts
    std::string listener{};  ///< name of the one that it came in by; empty: made here
    bool extended = true;    ///< came by EHLO
    unsigned hops = 1;       ///< times it has been handed over when this message is
    std::string evidence{};  ///< values that rules asked for, or their digests, JSON; empty: none kept
};

/// What a report that came back says of one recipient. Counts once: what was heard of it before changes nothing.
struct HeardOf {
    std::int64_t recipient = 0;  ///< RecipientRecord::id
    vocabulary::Heard heard = vocabulary::Heard::delivered;
    std::string organisation;  ///< whose report it is
    std::string words;         ///< at most 1,000 bytes
};

/// Whom a report means: a recipient to whom a message was handed over. Empty members are not known.
struct HandedOver {
    std::string id;            ///< ours, as the trace token proves it
    std::string sent_by;       ///< organisation; asked unless `id` is known
    std::string message_id;    ///< Message-ID with its brackets; must agree where it is known
    std::string envelope_id;   ///< ENVID; must agree where it is known
    std::string organisation;  ///< of the recipient
    std::string recipient;     ///< in its form inside the community
};

/// A message on its way into the store.
struct NewMessage {
    MessageRecord message;
    Content content;
    std::vector<DeliveryRecord> deliveries;
    std::vector<RecipientRecord> refused;  ///< recipients that mixed verdicts refused after DATA: ledger only
    std::vector<HeardOf> heard{};          ///< of a report: joins the history of what it is about, in the same commit
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
    /// Its sender asked, and its server is to report: if nothing was heard by then, the sender is told so.
    std::optional<Instant> answer_due{};
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

/// That the sender of a message is told what became of it, since its recipients' server says nothing.
struct Answered {
    std::string message_id;
    std::vector<std::int64_t> recipients;  ///< RecipientRecord::id
    Instant at{};
    std::uint64_t generation = 0;
    std::vector<NewMessage> reports;
};

/// A delivery decided again: an undecided one that was claimed, or one that people release from quarantine.
struct Redecision {
    std::string message_id;
    std::int64_t delivery_id = 0;
    Instant at{};
    std::uint64_t generation = 0;
    /// What is to be done with it now: edits, due, held, quarantined, undecided, reasons; of its recipient `decision`,
    /// and `state` and `last_reply` where that is final.
    DeliveryRecord plan;
    bool release = false;  ///< from quarantine: counts only while it is there; else only while it is claimed
    std::string reason;    ///< of a release
    std::string actor;
    std::vector<NewMessage> also;  ///< reports, notices, copies to recipients that rules added: in the same commit
};

/// What came of asking for an act that needs two people.
struct Consent {
    bool given = false;       ///< a second person agrees now, or did before
    std::string first;        ///< who asked first
    Instant asked{};          ///< when
    bool first_asks = false;  ///< this very call was the first
};

/// One line of a message's history.
struct Event {
    Instant at{};
    /// "received", "attempt", "held", "released", "removed", "bounced", "retry", "report", "quarantined",
    /// "release_asked", "deleted", "notice", "decided", "copy", "reported"
    std::string kind;
    std::string recipient;  ///< address inside the community; empty: the whole message
    std::string state;      ///< of "reported": what was heard
    std::string next_hop;   ///< of an attempt; of "received": the peer it came from
    std::string tls;
    std::string reply;  ///< a peer's words, or the reason of an act; of "report": the id of the report
    std::uint64_t generation = 0;
    std::string actor;  ///< who did it, for acts of administrators; of "reported": the organisation that reports
};

/// Which queued messages an administrator means; empty members do not restrict.
struct QueueFilter {
    std::vector<std::string> ids;
    std::string sender;        ///< glob, case-blind
    std::string recipient;     ///< glob, case-blind
    std::string organisation;  ///< of the recipient
    std::optional<bool> held;
    std::optional<Duration> older_than;
    bool quarantined = false;  ///< only what is in quarantine; else only what is not
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
    /// Only what this address, in its form inside the community, or one of these organisations sent or got. Both empty:
    /// whoever.
    std::string party;
    std::vector<std::string> organisations{};
    std::optional<Instant> since;
    std::size_t limit = 100;
};

struct Trace {
    MessageRecord message;
    std::vector<RecipientRecord> recipients;
    std::vector<Event> events;
};

struct QueueTotals {
    /// Messages with content; deliveries in each state.
    std::uint64_t messages = 0, queued = 0, held = 0, quarantined = 0;
    std::optional<Instant> oldest;
    std::vector<std::pair<std::string, std::uint64_t>> by_organisation;
};

}  // namespace postern::store
