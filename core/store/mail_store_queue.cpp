// The queue: deliveries are claimed, attempted by others, and come back with what became of them.
#include "store/mail_store_impl.hpp"

namespace postern::store {

namespace {

constexpr std::size_t largest_claim = 500;   // in one transaction, so that no commit waits long behind it
constexpr std::size_t longest_reply = 1000;  // bytes kept of what a peer said

std::string_view cut(std::string_view reply) noexcept
{
    return reply.substr(0, longest_reply);
}

bool is_of(const DeliveryRow& row, std::int64_t recipient) noexcept
{
    return recipient >= row.first_recipient && recipient <= row.last_recipient;
}

}  // namespace

auto MailStore::claim(Instant now, Instant lease_until, std::size_t limit) -> Async<Result<std::vector<QueuedDelivery>>>
{
    using Claimed = std::vector<QueuedDelivery>;
    std::function<Result<Claimed>(Database&)> work = [impl = impl_.get(), now, lease_until, limit](Database& database) {
        return Result<Claimed>(impl->claim(database, now, lease_until, std::min(limit, largest_claim)));
    };
    co_return co_await impl_->writer->run<Claimed>(std::move(work));
}

std::vector<QueuedDelivery> MailStore::Impl::claim(Database& database, Instant now, Instant lease_until,
                                                   std::size_t limit)
{
    std::vector<DeliveryRow> due;
    {
        Query query = database.query("SELECT " POSTERN_DELIVERY_COLUMNS
                                     " FROM delivery d WHERE d.wake <= ? ORDER BY d.wake, d.number LIMIT ?",
                                     now, limit);
        while (query.next()) due.push_back(read_delivery(query));
    }
    std::vector<QueuedDelivery> claimed;
    claimed.reserve(due.size());
    std::int64_t last_number = 0;
    std::shared_ptr<const MessageRecord> message;
    for (DeliveryRow& row : due) {
        // A lease that lapsed: whoever had it does not come back any more.
        if (row.status == DeliveryStatus::claimed && !come_back(database, row, now, row.due, row.attempts)) continue;
        if (row.status == DeliveryStatus::held) leave_hold(database, row, now);
        database.run("UPDATE delivery SET status = 1, wake = ?, owner = ? WHERE number = ?", lease_until, options.owner,
                     row.number);
        if (!message || last_number != row.message)
            message = std::make_shared<const MessageRecord>(load_message(database, row.message));
        last_number = row.message;
        QueuedDelivery& taken = claimed.emplace_back(message, to_record(row));
        taken.delivery.recipients = load_recipients(database, row.first_recipient, row.last_recipient, true);
    }
    return claimed;
}

auto MailStore::next_due() -> Async<Result<std::optional<Instant>>>
{
    using Due = std::optional<Instant>;
    std::function<Result<Due>(Database&)> work = [](Database& database) -> Result<Due> {
        // Claimed rows stand in the index too, under the end of their lease; they are few.
        Query query =
            database.query("SELECT wake FROM delivery WHERE wake IS NOT NULL AND status <> 1 ORDER BY wake LIMIT 1");
        if (!query.next()) return Due();
        return Due(query.instant(0));
    };
    co_return co_await impl_->readers->run<Due>(std::move(work));
}

auto MailStore::unclaim(std::vector<std::int64_t> deliveries, Instant due) -> Async<Result<void>>
{
    std::function<Result<void>(Database&)> work = [impl = impl_.get(), deliveries = std::move(deliveries),
                                                   due](Database& database) -> Result<void> {
        for (const std::int64_t number : deliveries) {
            const auto row = find_delivery(database, number);
            if (row && row->status == DeliveryStatus::claimed)
                impl->come_back(database, *row, impl->now(), due, row->attempts);
        }
        return {};
    };
    co_return co_await impl_->writer->run<void>(std::move(work));
}

auto MailStore::record(AttemptOutcome outcome) -> Async<Result<void>>
{
    std::vector<std::shared_ptr<Incoming>> reports;
    for (NewMessage& report : outcome.reports)
        reports.push_back(prepare(std::move(report), std::nullopt, impl_->now(), impl_->options.body_in_database));
    if (auto written = co_await impl_->write_bodies(reports); !written) co_return written;
    outcome.reports.clear();
    const auto shared = std::make_shared<const AttemptOutcome>(std::move(outcome));
    std::function<Result<bool>(Database&)> work = [impl = impl_.get(), shared, reports](Database& database) {
        return Result<bool>(impl->record(database, *shared, reports));
    };
    // Nobody at a socket waits for this; it may share the flush of the next message.
    auto news = co_await impl_->writer->run<bool>(std::move(work), Urgency::relaxed);
    if (!news || !*news) impl_->forget_bodies(reports);
    if (!news) co_return std::unexpected(std::move(news).error());
    co_return Result<void>();
}

void MailStore::Impl::forget_bodies(const std::vector<std::shared_ptr<Incoming>>& reports)
{
    for (const auto& report : reports)
        if (report->in_file) files->post([this, report](Nothing&) { bodies.remove(report->message.message.id); });
}

/// False if it was recorded before; then the reports are not stored again.
bool MailStore::Impl::record(Database& database, const AttemptOutcome& outcome,
                             const std::vector<std::shared_ptr<Incoming>>& reports)
{
    const auto row = find_delivery(database, outcome.delivery_id);
    if (!row) return false;  // settled
    const bool changed = apply_outcomes(database, outcome, *row);
    const bool was_claimed = row->status == DeliveryStatus::claimed;
    if (!changed && !was_claimed) return false;

    const unsigned attempts = row->attempts + (outcome.recipients.empty() ? 0 : 1);
    if (load_recipients(database, row->first_recipient, row->last_recipient, true).empty())
        settle(database, *row);
    else if (outcome.hold && was_claimed && row->pending != Pending::remove)
        keep_held(database, *row, outcome.at, outcome.hold_reason, attempts);
    else if (was_claimed)
        come_back(database, *row, outcome.at, outcome.next_attempt, attempts);

    insert_caused(database, row->message, reports, outcome.at, outcome.generation);
    return true;
}

/// Whether any outcome was news.
bool MailStore::Impl::apply_outcomes(Database& database, const AttemptOutcome& outcome, const DeliveryRow& row)
{
    bool changed = false;
    for (const RecipientOutcome& result : outcome.recipients) {
        // What a peer took is true whoever says it; that an attempt failed counts only for a claim that still runs.
        if (!is_of(row, result.recipient_id)) continue;
        if (!is_final(result.state) && row.status != DeliveryStatus::claimed) continue;
        const std::string_view reply = cut(result.reply);
        const std::int64_t touched = database.run(
            "UPDATE recipient SET state = ?, last_reply = ?, changed = ?, delay_reported = delay_reported OR ?,"
            " answer_due = ? WHERE number = ? AND " POSTERN_OPEN,
            result.state, reply, outcome.at, result.delay_reported, result.answer_due, result.recipient_id);
        if (touched == 0) continue;
        changed = true;
        add_event(database, row.message,
                  {.at = outcome.at,
                   .kind = EventKind::attempt,
                   .recipient = result.recipient_id,
                   .state = result.state,
                   .generation = outcome.generation,
                   .next_hop = outcome.next_hop,
                   .tls = outcome.tls,
                   .reply = reply});
    }
    return changed;
}

bool MailStore::Impl::come_back(Database& database, const DeliveryRow& row, Instant at, Instant due, unsigned attempts)
{
    if (row.stage == Stage::quarantined) {
        keep_quarantined(database, row);
        return false;
    }
    switch (row.pending) {
        case Pending::remove:
            close(database, row, at, State::removed);
            return false;
        case Pending::hold:
            keep_held(database, row, at, row.hold_reason, attempts);
            return false;
        case Pending::retry:
            keep_waiting(database, row, at, attempts);
            return true;
        case Pending::nothing:
            break;
    }
    keep_waiting(database, row, row.bounce_reason.empty() ? due : at, attempts);
    return true;
}

void MailStore::Impl::keep_waiting(Database& database, const DeliveryRow& row, Instant due, unsigned attempts)
{
    database.run(
        "UPDATE delivery SET status = 0, wake = ?1, due = ?1, attempts = ?2, pending = 0, hold_reason = '',"
        " ends = NULL WHERE number = ?3",
        due, attempts, row.number);
    if (row.status == DeliveryStatus::held)
        count_later(database, {.organisation = row.organisation, .queued = 1, .held = -1});
}

// Its time is over, and nobody has settled it yet: it stays where it was and comes again.
void MailStore::Impl::keep_quarantined(Database& database, const DeliveryRow& row)
{
    database.run("UPDATE delivery SET status = 3, wake = ends, pending = 0 WHERE number = ?", row.number);
}

void MailStore::Impl::leave_hold(Database& database, DeliveryRow& row, Instant at)
{
    note_act(database, row, EventKind::released, at, "its time is over", {});
    move_recipients(database, row, State::queued, at);
    database.run("UPDATE delivery SET hold_reason = '', ends = NULL WHERE number = ?", row.number);
    count_later(database, {.organisation = row.organisation, .queued = 1, .held = -1});
    row.status = DeliveryStatus::waiting;
    row.hold_reason.clear();
    row.ends.reset();
}

void MailStore::Impl::keep_held(Database& database, const DeliveryRow& row, Instant at, const std::string& reason,
                                unsigned attempts)
{
    database.run(
        "UPDATE delivery SET status = 2, wake = NULL, ends = NULL, hold_reason = ?, attempts = ?, pending = 0"
        " WHERE number = ?",
        reason, attempts, row.number);
    move_recipients(database, row, State::held, at);
    if (row.pending != Pending::hold) note_act(database, row, EventKind::held, at, reason, {});
    if (row.status != DeliveryStatus::held)
        count_later(database, {.organisation = row.organisation, .queued = -1, .held = 1});
}

void MailStore::Impl::move_recipients(Database& database, const DeliveryRow& row, State state, Instant at)
{
    database.run("UPDATE recipient SET state = ?1, changed = ?2 WHERE number BETWEEN ?3 AND ?4 AND " POSTERN_OPEN
                 " AND state <> ?1",
                 state, at, row.first_recipient, row.last_recipient);
}

void MailStore::Impl::close(Database& database, const DeliveryRow& row, Instant at, State state)
{
    move_recipients(database, row, state, at);
    settle(database, row);
}

void MailStore::Impl::settle(Database& database, const DeliveryRow& row)
{
    database.run("DELETE FROM delivery WHERE number = ?", row.number);
    if (row.stage == Stage::quarantined) database.run("DELETE FROM approval WHERE message = ?", row.message);
    count_delivery(database, row.organisation, row.stage, row.status == DeliveryStatus::held, -1);
    if (row.first_sibling != row.last_sibling) {
        Query left = database.query("SELECT 1 FROM delivery WHERE number BETWEEN ? AND ? LIMIT 1", row.first_sibling,
                                    row.last_sibling);
        if (left.next()) return;
    }
    database.run("DELETE FROM content WHERE message = ?", row.message);
    count_later(database, {.messages = -1});
    if (!row.in_file) return;
    database.after_commit(
        [this, id = load_message(database, row.message).id] { files->post([this, id](Nothing&) { drop_body(id); }); });
}

}  // namespace postern::store
