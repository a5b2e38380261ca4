// What administrators do to the queue: look, retry, hold, release, remove, bounce.
//
// Deliveries are chosen by a reader, then changed in short transactions, so that no message's commit waits behind
// an act on a long queue; each is looked at again when its turn comes.
#include "store/mail_store_impl.hpp"

namespace postern::store {

namespace {

constexpr std::size_t acts_in_one_commit = 100;

bool mentions(const QueueFilter& filter, const DeliveryRow& row)
{
    if (filter.quarantined != (row.stage == Stage::quarantined)) return false;
    if (!filter.organisation.empty() && filter.organisation != row.organisation) return false;
    return !filter.held || *filter.held == (row.status == DeliveryStatus::held);
}

bool has_recipient(Database& database, const DeliveryRow& row, const std::string& pattern)
{
    Query query = database.query("SELECT address FROM recipient WHERE number BETWEEN ? AND ? AND " POSTERN_OPEN,
                                 row.first_recipient, row.last_recipient);
    while (query.next())
        if (glob_matches(pattern, query.text(0))) return true;
    return false;
}

/// Whether this delivery's message and recipients match; `sender` and `received` are its message's.
bool matches(Database& database, const QueueFilter& filter, const DeliveryRow& row, std::string_view sender,
             Instant received, Instant now)
{
    if (!mentions(filter, row)) return false;
    if (!filter.sender.empty() && !glob_matches(filter.sender, sender)) return false;
    if (filter.older_than && now - received < *filter.older_than) return false;
    return filter.recipient.empty() || has_recipient(database, row, filter.recipient);
}

void select_from(Database& database, Query query, const QueueFilter& filter, Instant now,
                 std::vector<std::int64_t>& found)
{
    while ((filter.limit == 0 || found.size() < filter.limit) && query.next()) {
        const DeliveryRow row{.number = query.integer(0),
                              .first_recipient = query.integer(1),
                              .last_recipient = query.integer(2),
                              .status = query.as<DeliveryStatus>(3),
                              .organisation = query.string(4),
                              .stage = query.as<Stage>(7)};
        if (matches(database, filter, row, query.text(5), query.instant(6), now)) found.push_back(row.number);
    }
}

#define POSTERN_SELECTION                                                                                            \
    "SELECT d.number, d.first_recipient, d.last_recipient, d.status, d.organisation, m.sender, m.received, d.stage " \
    "FROM "

EventKind kind_of(Act what)
{
    switch (what) {
        case Act::retry:
            return EventKind::retry;
        case Act::hold:
            return EventKind::held;
        case Act::release:
            return EventKind::released;
        case Act::remove:
            return EventKind::removed;
        case Act::bounce:
            return EventKind::bounced;
        case Act::discard:
            return EventKind::deleted;
    }
    return EventKind::retry;
}

/// An act on a delivery whose attempt is under way, as far as it can be done now; false: it means nothing there.
bool act_on_claimed(Database& database, const DeliveryRow& row, Act what, const std::string& reason)
{
    const auto set = [&](Pending pending) {
        return database.run("UPDATE delivery SET pending = ? WHERE number = ?", pending, row.number) > 0;
    };
    switch (what) {
        case Act::retry:
            return row.pending == Pending::nothing && set(Pending::retry);
        case Act::release:
            return row.pending == Pending::hold && set(Pending::nothing);
        case Act::remove:
            return row.pending != Pending::remove && set(Pending::remove);
        case Act::hold:
            if (row.pending == Pending::hold || row.pending == Pending::remove) return false;
            return database.run("UPDATE delivery SET pending = 1, hold_reason = ? WHERE number = ?", reason,
                                row.number) > 0;
        case Act::bounce:
            if (row.pending == Pending::remove) return false;
            return database.run("UPDATE delivery SET pending = 0, bounce_reason = ? WHERE number = ?", reason,
                                row.number) > 0;
        case Act::discard:
            break;
    }
    return false;
}

}  // namespace

std::vector<std::int64_t> select_deliveries(Database& database, const QueueFilter& filter, Instant now)
{
    std::vector<std::int64_t> found;
    if (filter.ids.empty())
        select_from(
            database,
            database.query(POSTERN_SELECTION "delivery d JOIN message m ON m.number = d.message ORDER BY d.number"),
            filter, now, found);
    for (const std::string& id : filter.ids)
        select_from(database,
                    database.query(POSTERN_SELECTION
                                   "message m JOIN delivery d ON d.number BETWEEN m.first_delivery AND m.last_delivery"
                                   " WHERE m.id = ? ORDER BY d.number",
                                   std::string_view(id)),
                    filter, now, found);
    return found;
}

auto MailStore::list(QueueFilter filter) -> Async<Result<std::vector<QueueEntry>>>
{
    using Entries = std::vector<QueueEntry>;
    std::function<Result<Entries>(Database&)> work = [impl = impl_.get(),
                                                      filter = std::move(filter)](Database& database) {
        Entries entries;
        for (const std::int64_t number : select_deliveries(database, filter, impl->now())) {
            const auto row = find_delivery(database, number);
            if (!row) continue;  // settled meanwhile
            QueueEntry& entry = entries.emplace_back(load_message(database, row->message), to_record(*row));
            entry.delivery.recipients = load_recipients(database, row->first_recipient, row->last_recipient, false);
        }
        return Result<Entries>(std::move(entries));
    };
    co_return co_await impl_->long_readers->run<Entries>(std::move(work));
}

auto MailStore::retry(QueueFilter filter, Instant now, std::string actor) -> Async<Result<std::size_t>>
{
    return impl_->act_on(std::move(filter), Act::retry, now, {}, std::move(actor));
}

auto MailStore::hold(QueueFilter filter, std::string reason, std::string actor) -> Async<Result<std::size_t>>
{
    return impl_->act_on(std::move(filter), Act::hold, impl_->now(), std::move(reason), std::move(actor));
}

auto MailStore::release(QueueFilter filter, Instant now, std::string actor) -> Async<Result<std::size_t>>
{
    return impl_->act_on(std::move(filter), Act::release, now, {}, std::move(actor));
}

auto MailStore::remove(QueueFilter filter, std::string actor) -> Async<Result<std::size_t>>
{
    return impl_->act_on(std::move(filter), Act::remove, impl_->now(), {}, std::move(actor));
}

auto MailStore::bounce(QueueFilter filter, std::string reason, std::string actor) -> Async<Result<std::size_t>>
{
    if (reason.empty()) reason = "given up by an administrator";
    return impl_->act_on(std::move(filter), Act::bounce, impl_->now(), std::move(reason), std::move(actor));
}

auto MailStore::forget(std::string message_id) -> Async<Result<void>>
{
    std::function<Result<Nothing>(Database&)> work =
        [id = std::move(message_id)](Database& database) -> Result<Nothing> {
        std::int64_t number = 0, first = 0, last = 0, first_delivery = 0, last_delivery = 0;
        {
            Query query = database.query(
                "SELECT number, first_recipient, last_recipient, first_delivery, last_delivery FROM message WHERE id = "
                "?",
                std::string_view(id));
            if (!query.next()) return fault(Retry::never, "there is no such message").about(id);
            number = query.integer(0);
            first = query.integer(1);
            last = query.integer(2);
            first_delivery = query.integer(3);
            last_delivery = query.integer(4);
        }
        {
            Query waiting = database.query("SELECT 1 FROM delivery WHERE number BETWEEN ? AND ? LIMIT 1",
                                           first_delivery, last_delivery);
            if (waiting.next()) return fault(Retry::never, "is in the queue still").about(id);
        }
        database.run("DELETE FROM event WHERE message = ?", number);
        database.run("DELETE FROM recipient WHERE number BETWEEN ? AND ?", first, last);
        database.run("DELETE FROM message WHERE number = ?", number);
        return Nothing{};
    };
    auto done = co_await impl_->writer->run<Nothing>(std::move(work), Urgency::relaxed);
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>{};
}

auto MailStore::organisations_held(std::string hold_reason) -> Async<Result<std::vector<std::string>>>
{
    using Names = std::vector<std::string>;
    std::function<Result<Names>(Database&)> work = [hold_reason = std::move(hold_reason)](Database& database) {
        Names names;
        Query query = database.query("SELECT DISTINCT organisation FROM delivery WHERE status = 2 AND hold_reason = ?",
                                     std::string_view(hold_reason));
        while (query.next()) names.push_back(query.string(0));
        return Result<Names>(std::move(names));
    };
    co_return co_await impl_->long_readers->run<Names>(std::move(work));
}

auto MailStore::release_organisation(std::string organisation, std::string hold_reason, Instant now)
    -> Async<Result<std::size_t>>
{
    using Numbers = std::vector<std::int64_t>;
    std::function<Result<Numbers>(Database&)> work = [organisation, hold_reason](Database& database) {
        Numbers numbers;
        Query query = database.query(
            "SELECT number FROM delivery WHERE organisation = ? AND hold_reason = ? AND status IN (1, 2) ORDER BY "
            "number",
            std::string_view(organisation), std::string_view(hold_reason));
        while (query.next()) numbers.push_back(query.integer(0));
        return Result<Numbers>(std::move(numbers));
    };
    auto numbers = co_await impl_->long_readers->run<Numbers>(std::move(work));
    if (!numbers) co_return std::unexpected(std::move(numbers).error());
    co_return co_await impl_->act_on(std::move(*numbers), Act::release, now, {}, {});
}

auto MailStore::Impl::act_on(QueueFilter filter, Act what, Instant at, std::string reason, std::string actor)
    -> Async<Result<std::size_t>>
{
    using Found = std::vector<std::int64_t>;
    std::function<Result<Found>(Database&)> work = [this, filter = std::move(filter)](Database& database) {
        return Result<Found>(select_deliveries(database, filter, now()));
    };
    auto found = co_await long_readers->run<Found>(std::move(work));
    if (!found) co_return std::unexpected(std::move(found).error());
    co_return co_await act_on(std::move(*found), what, at, std::move(reason), std::move(actor));
}

auto MailStore::Impl::act_on(std::vector<std::int64_t> deliveries, Act what, Instant at, std::string reason,
                             std::string actor) -> Async<Result<std::size_t>>
{
    std::size_t changed = 0;
    for (std::size_t from = 0; from < deliveries.size(); from += acts_in_one_commit) {
        const std::size_t to = std::min(deliveries.size(), from + acts_in_one_commit);
        std::function<Result<std::size_t>(Database&)> work = [&, from, to](Database& database) -> Result<std::size_t> {
            std::size_t done = 0;
            for (std::size_t i = from; i < to; ++i)
                if (act(database, deliveries[i], what, at, reason, actor)) ++done;
            return done;
        };
        auto done = co_await writer->run<std::size_t>(std::move(work));
        if (!done) co_return done;
        changed += *done;
    }
    co_return changed;
}

bool MailStore::Impl::act(Database& database, std::int64_t delivery, Act what, Instant at, const std::string& reason,
                          const std::string& actor)
{
    const auto row = find_delivery(database, delivery);
    if (!row || (row->stage == Stage::quarantined) != (what == Act::discard)) return false;
    if (row->status == DeliveryStatus::claimed) {
        if (!act_on_claimed(database, *row, what, reason)) return false;
        note_act(database, *row, kind_of(what), at, reason, actor);
        return true;
    }
    const bool held = row->status == DeliveryStatus::held;
    if ((what == Act::retry || what == Act::hold) && held) return false;
    if (what == Act::release && !held) return false;
    note_act(database, *row, kind_of(what), at, reason, actor);
    DeliveryRow noted = *row;
    switch (what) {
        case Act::hold:
            noted.pending = Pending::hold;  // noted with its actor already
            keep_held(database, noted, at, reason, row->attempts);
            break;
        case Act::remove:
            close(database, *row, at, State::removed);
            break;
        case Act::discard:
            discard(database, *row, at, reason);
            break;
        case Act::bounce:
            database.run("UPDATE delivery SET bounce_reason = ? WHERE number = ?", reason, row->number);
            [[fallthrough]];
        case Act::release:
            move_recipients(database, *row, State::queued, at);
            [[fallthrough]];
        case Act::retry:
            keep_waiting(database, *row, at, row->attempts);
            break;
    }
    return true;
}

void MailStore::Impl::note_act(Database& database, const DeliveryRow& row, EventKind kind, Instant at,
                               std::string_view reason, std::string_view actor)
{
    std::optional<State> state;
    if (kind == EventKind::held) state = State::held;
    if (kind == EventKind::released) state = State::queued;
    if (kind == EventKind::removed || kind == EventKind::deleted) state = State::removed;
    for (const RecipientRecord& recipient : load_recipients(database, row.first_recipient, row.last_recipient, true))
        add_event(database, row.message,
                  {.at = at,
                   .kind = kind,
                   .recipient = recipient.id,
                   .state = state,
                   .generation = 0,
                   .reply = reason,
                   .actor = actor});
}

}  // namespace postern::store
