#include "store/mail_rows.hpp"

#include <sqlite3.h>
#include <array>

namespace postern::store {

namespace {

mail::Notify notify_of(std::int64_t bits) noexcept
{
    return {.specified = (bits & 1) != 0,
            .never = (bits & 2) != 0,
            .success = (bits & 4) != 0,
            .failure = (bits & 8) != 0,
            .delay = (bits & 16) != 0};
}

}  // namespace

int notify_bits(const mail::Notify& notify) noexcept
{
    return (notify.specified ? 1 : 0) | (notify.never ? 2 : 0) | (notify.success ? 4 : 0) | (notify.failure ? 8 : 0) |
           (notify.delay ? 16 : 0);
}

std::string_view name_of(EventKind kind) noexcept
{
    constexpr std::array<std::string_view, 15> names{"received", "attempt", "held",    "released",    "removed",
                                                     "bounced",  "report",  "retry",   "quarantined", "release_asked",
                                                     "deleted",  "notice",  "decided", "copy",        "reported"};
    return names[static_cast<std::size_t>(kind)];
}

MessageRecord read_message(const Query& row)
{
    MessageRecord message;
    message.id = row.string(0);
    message.received = row.instant(1);
    message.origin = row.as<vocabulary::Origin>(2);
    message.generation = static_cast<std::uint64_t>(row.integer(3));
    message.organisation = row.string(4);
    message.sender = row.string(5);
    message.header_message_id = row.string(6);
    message.peer = row.string(7);
    message.helo = row.string(8);
    message.tls = row.string(9);
    message.size = static_cast<std::uint64_t>(row.integer(10));
    message.body = row.as<mail::Body>(11);
    message.smtputf8 = row.flag(12);
    message.require_tls = row.flag(13);
    message.ret = row.as<mail::Return>(14);
    message.envelope_id = row.string(15);
    message.rules = row.string(16);
    message.listener = row.string(17);
    message.extended = row.flag(18);
    message.hops = row.as<unsigned>(19);
    message.evidence = row.string(20);
    return message;
}

RecipientRecord read_recipient(const Query& row)
{
    RecipientRecord recipient;
    recipient.id = row.integer(0);
    recipient.address = row.string(1);
    recipient.hop_address = row.string(2);
    recipient.organisation = row.string(3);
    recipient.notify = notify_of(row.integer(4));
    recipient.original_recipient = row.string(5);
    recipient.state = row.as<State>(6);
    recipient.last_reply = row.string(7);
    recipient.changed = row.instant(8);
    recipient.delay_reported = row.flag(9);
    recipient.decision = row.string(10);
    recipient.heard = row.as<unsigned>(11);
    return recipient;
}

DeliveryRow read_delivery(const Query& row)
{
    return {.number = row.integer(0),
            .message = row.integer(1),
            .first_recipient = row.integer(2),
            .last_recipient = row.integer(3),
            .first_sibling = row.integer(4),
            .last_sibling = row.integer(5),
            .in_file = row.flag(6),
            .status = row.as<DeliveryStatus>(7),
            .due = row.instant(8),
            .attempts = row.as<unsigned>(9),
            .pending = row.as<Pending>(10),
            .organisation = row.string(11),
            .hold_reason = row.string(12),
            .bounce_reason = row.string(13),
            .edits = std::string(row.blob(14)),
            .stage = row.as<Stage>(15),
            .rule = row.string(16),
            .ends = row.null(17) ? std::nullopt : std::optional(row.instant(17))};
}

DeliveryRecord to_record(const DeliveryRow& row)
{
    DeliveryRecord record;
    record.id = row.number;
    record.organisation = row.organisation;
    auto edits = mail::decode_edits(row.edits);
    if (!edits)
        throw StorageFailure(SQLITE_CORRUPT, "read delivery " + std::to_string(row.number), edits.error().describe());
    record.edits = std::move(*edits);
    record.due = row.due;
    record.attempts = row.attempts;
    record.held = row.status == DeliveryStatus::held;
    record.hold_reason = row.hold_reason;
    record.bounce_reason = row.bounce_reason;
    record.undecided = row.stage == Stage::undecided;
    record.quarantined = row.stage == Stage::quarantined;
    record.rule = row.rule;
    record.ends = row.ends;
    return record;
}

std::optional<DeliveryRow> find_delivery(Database& database, std::int64_t number)
{
    Query query = database.query("SELECT " POSTERN_DELIVERY_COLUMNS " FROM delivery d WHERE d.number = ?", number);
    if (!query.next()) return std::nullopt;
    return read_delivery(query);
}

MessageRecord load_message(Database& database, std::int64_t number)
{
    Query query = database.query("SELECT " POSTERN_MESSAGE_COLUMNS " FROM message m WHERE m.number = ?", number);
    if (!query.next())
        throw StorageFailure(SQLITE_CORRUPT, "read message", "row " + std::to_string(number) + " is missing");
    return read_message(query);
}

std::vector<RecipientRecord> load_recipients(Database& database, std::int64_t first, std::int64_t last, bool open_only)
{
    std::vector<RecipientRecord> recipients;
    Query query = database.query("SELECT " POSTERN_RECIPIENT_COLUMNS
                                 " FROM recipient r WHERE r.number BETWEEN ? AND ? ORDER BY r.number",
                                 first, last);
    while (query.next())
        if (auto recipient = read_recipient(query); !open_only || !is_final(recipient.state))
            recipients.push_back(std::move(recipient));
    return recipients;
}

}  // namespace postern::store
