// Rows of mail.db as values, and back: the columns named once, for every query that reads them.
//
// Pure functions over a Query or Database; run on whichever thread holds it. Throw StorageFailure.
#pragma once

#include "store/database.hpp"
#include "store/mail_records.hpp"
#include "store/mail_schema.hpp"

#include <string_view>

namespace postern::store {

// Column lists are macros because SQL is a literal (Sql) and literals join only in the preprocessor.
#define POSTERN_MESSAGE_COLUMNS                                                                             \
    "m.id, m.received, m.origin, m.generation, m.organisation, m.sender, m.header_message_id, m.peer, "     \
    "m.helo, m.tls, m.size, m.body, m.smtputf8, m.require_tls, m.ret, m.envelope_id, m.rules, m.listener, " \
    "m.extended, m.hops, m.evidence"
#define POSTERN_RECIPIENT_COLUMNS                                                                   \
    "r.number, r.address, r.hop_address, r.organisation, r.notify, r.original_recipient, r.state, " \
    "r.last_reply, r.changed, r.delay_reported, r.decision, r.heard"
/// Of a recipient whose end is not known yet: queued, held, quarantined.
#define POSTERN_OPEN "state IN (0, 1, 8)"
#define POSTERN_DELIVERY_COLUMNS                                                                             \
    "d.number, d.message, d.first_recipient, d.last_recipient, d.first_sibling, d.last_sibling, d.in_file, " \
    "d.status, d.due, d.attempts, d.pending, d.organisation, d.hold_reason, d.bounce_reason, d.edits, "      \
    "d.stage, d.rule, d.ends"

/// A row of `delivery`, with what only the store cares about. `edits` as encoded.
struct DeliveryRow {
    std::int64_t number = 0, message = 0;
    std::int64_t first_recipient = 0, last_recipient = 0;
    std::int64_t first_sibling = 0, last_sibling = 0;
    bool in_file = false;
    DeliveryStatus status = DeliveryStatus::waiting;
    Instant due{};
    unsigned attempts = 0;
    Pending pending = Pending::nothing;
    std::string organisation{}, hold_reason{}, bounce_reason{}, edits{};
    Stage stage = Stage::decided;
    std::string rule{};
    std::optional<Instant> ends{};
};

/// Columns from 0 on, in the order of the lists above.
[[nodiscard]] MessageRecord read_message(const Query& row);
[[nodiscard]] RecipientRecord read_recipient(const Query& row);
[[nodiscard]] DeliveryRow read_delivery(const Query& row);
/// Without recipients. Throws StorageFailure if the edits are not what was encoded.
[[nodiscard]] DeliveryRecord to_record(const DeliveryRow& row);

[[nodiscard]] std::optional<DeliveryRow> find_delivery(Database& database, std::int64_t number);
[[nodiscard]] MessageRecord load_message(Database& database, std::int64_t number);
/// Recipients first..last; with `open_only`, those without a final state.
[[nodiscard]] std::vector<RecipientRecord> load_recipients(Database& database, std::int64_t first, std::int64_t last,
                                                           bool open_only);

[[nodiscard]] int notify_bits(const mail::Notify& notify) noexcept;

/// Kinds of events as kept in event.kind. `received` in a row is about one refused recipient.
enum class EventKind {
    received = 0,
    attempt = 1,
    held = 2,
    released = 3,
    removed = 4,
    bounced = 5,
    report = 6,
    retry = 7,
    quarantined = 8,
    release_asked = 9,
    deleted = 10,
    notice = 11,
    decided = 12,
    copy = 13,
    reported = 14  ///< its state is a vocabulary::Heard
};
[[nodiscard]] std::string_view name_of(EventKind kind) noexcept;

}  // namespace postern::store
