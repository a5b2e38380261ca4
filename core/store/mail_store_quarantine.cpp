// Verdicts that are not final: what waits to be decided, and what people release from quarantine or delete.
//
// A delivery that is undecided or quarantined has one recipient, so that deciding it again never splits it.
#include "store/mail_store_impl.hpp"

namespace postern::store {

auto MailStore::redecide(Redecision what) -> Async<Result<bool>>
{
    std::vector<std::shared_ptr<Incoming>> also;
    for (NewMessage& each : what.also)
        also.push_back(prepare(std::move(each), std::nullopt, impl_->now(), impl_->options.body_in_database));
    if (auto written = co_await impl_->write_bodies(also); !written) co_return std::unexpected(written.error());
    what.also.clear();
    const auto edits = std::make_shared<const std::string>(mail::encode(what.plan.edits));
    const auto shared = std::make_shared<const Redecision>(std::move(what));
    std::function<Result<bool>(Database&)> work = [impl = impl_.get(), shared, edits, also](Database& database) {
        return Result<bool>(impl->redecide(database, *shared, *edits, also));
    };
    auto done = co_await impl_->writer->run<bool>(std::move(work));
    if (!done || !*done) impl_->forget_bodies(also);
    co_return done;
}

bool MailStore::Impl::redecide(Database& database, const Redecision& what, const std::string& edits,
                               const std::vector<std::shared_ptr<Incoming>>& also)
{
    const auto row = find_delivery(database, what.delivery_id);
    if (!row) return false;
    const bool there = what.release ? row->stage == Stage::quarantined && row->status == DeliveryStatus::quarantined
                                    : row->stage == Stage::undecided && row->status == DeliveryStatus::claimed;
    if (!there) return false;
    const EventKind kind = what.release ? EventKind::released : EventKind::decided;
    for (const RecipientRecord& recipient : what.plan.recipients) {
        database.run(
            "UPDATE recipient SET state = ?, last_reply = ?, changed = ?, decision = ?,"
            " delay_reported = delay_reported OR ? WHERE number = ?",
            recipient.state, recipient.last_reply, what.at, recipient.decision, recipient.delay_reported, recipient.id);
        add_event(database, row->message,
                  {.at = what.at,
                   .kind = kind,
                   .recipient = recipient.id,
                   .state = recipient.state,
                   .generation = what.generation,
                   .reply = what.release ? std::string_view(what.reason) : std::string_view(recipient.last_reply),
                   .actor = what.actor});
    }
    replan(database, *row, what, edits);
    insert_caused(database, row->message, also, what.at, what.generation);
    return true;
}

void MailStore::Impl::replan(Database& database, const DeliveryRow& row, const Redecision& what,
                             const std::string& edits)
{
    if (load_recipients(database, row.first_recipient, row.last_recipient, true).empty()) {
        settle(database, row);
        return;
    }
    const DeliveryRecord& plan = what.plan;
    const auto status = plan.quarantined ? DeliveryStatus::quarantined
                        : plan.held      ? DeliveryStatus::held
                                         : DeliveryStatus::waiting;
    const auto stage = plan.quarantined ? Stage::quarantined : plan.undecided ? Stage::undecided : Stage::decided;
    const bool kept = plan.held || plan.quarantined;
    const std::optional<Instant> ends = kept ? plan.ends : std::nullopt;
    database.run(
        "UPDATE delivery SET status = ?, wake = ?, due = ?, attempts = ?, hold_reason = ?, bounce_reason = ?, edits = "
        "?,"
        " stage = ?, rule = ?, ends = ? WHERE number = ?",
        status, kept ? ends : std::optional(plan.due), plan.due, plan.attempts, plan.hold_reason, plan.bounce_reason,
        Blob{edits}, stage, plan.rule, ends, row.number);
    count_delivery(database, row.organisation, row.stage, false, -1);
    count_delivery(database, row.organisation, stage, plan.held, 1);
    if (what.release) {
        database.run("DELETE FROM approval WHERE message = ?", row.message);
        return;
    }
    // What an administrator asked for while it was being decided counts for what became of it; in quarantine it does
    // not.
    const bool counts = !plan.quarantined && (!kept || row.pending == Pending::remove);
    if (row.pending != Pending::nothing && counts) {
        if (const auto fresh = find_delivery(database, row.number))
            come_back(database, *fresh, what.at, plan.due, plan.attempts);
    } else {
        database.run("UPDATE delivery SET pending = 0 WHERE number = ?", row.number);
    }
}

// Given up like any other mail that can't be delivered: the worker that claims it tells the sender.
void MailStore::Impl::discard(Database& database, const DeliveryRow& row, Instant at, const std::string& reason)
{
    database.run(
        "UPDATE delivery SET status = 0, stage = 0, wake = ?1, due = ?1, ends = NULL, bounce_reason = ?2"
        " WHERE number = ?3",
        at, reason, row.number);
    database.run("DELETE FROM approval WHERE message = ?", row.message);
    count_later(database, {.organisation = row.organisation, .queued = 1, .quarantined = -1});
}

auto MailStore::discard(std::string message_id, std::string reason, std::string actor) -> Async<Result<std::size_t>>
{
    QueueFilter filter;
    filter.ids.push_back(std::move(message_id));
    filter.quarantined = true;
    return impl_->act_on(std::move(filter), Act::discard, impl_->now(), std::move(reason), std::move(actor));
}

auto MailStore::consent(std::string message_id, std::string act, std::string actor, std::string reason, Instant now)
    -> Async<Result<Consent>>
{
    std::function<Result<Consent>(Database&)> work = [impl = impl_.get(), message_id, act, actor, reason,
                                                      now](Database& database) -> Result<Consent> {
        std::int64_t number = 0;
        {
            Query query = database.query("SELECT number FROM message WHERE id = ?", std::string_view(message_id));
            if (!query.next()) return fault(Retry::never, "there is no such message").about(message_id.substr(0, 40));
            number = query.integer(0);
        }
        {
            Query query = database.query("SELECT actor, at FROM approval WHERE message = ? AND act = ?", number,
                                         std::string_view(act));
            if (query.next()) return Consent{query.text(0) != actor, query.string(0), query.instant(1), false};
        }
        database.run("INSERT INTO approval(message, act, actor, at, reason) VALUES(?,?,?,?,?)", number, act, actor, now,
                     reason);
        impl->add_event(database, number,
                        {.at = now, .kind = EventKind::release_asked, .reply = reason, .actor = actor});
        return Consent{false, actor, now, true};
    };
    co_return co_await impl_->writer->run<Consent>(std::move(work));
}

}  // namespace postern::store
