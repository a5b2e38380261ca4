#include "gateway/delivery_outcomes.hpp"

#include "base/text.hpp"
#include "directory/logins.hpp"
#include "gateway/backoff.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>

namespace postern::gateway {

namespace {

using store::State;

State state_after(const mail::Reply& reply, vocabulary::HopProtocol protocol)
{
    if (reply.transient()) return State::queued;
    if (reply.permanent()) return State::failed;
    return protocol == vocabulary::HopProtocol::lmtp ? State::delivered : State::relayed;
}

void count(ports::Metrics& metrics, State state)
{
    if (state == State::relayed) ++metrics.recipients_relayed;
    if (state == State::delivered) ++metrics.recipients_delivered;
    if (state == State::failed || state == State::expired) ++metrics.recipients_failed;
    if (state == State::queued) ++metrics.attempts_deferred;
}

std::string as_reply(const Fault& fault)
{
    return mail::Reply::from(fault).summary();
}

}  // namespace

store::AttemptOutcome Outcomes::begin(const Generation& generation, const queue::Ready& ready) const
{
    store::AttemptOutcome outcome;
    outcome.message_id = ready.message->id;
    outcome.delivery_id = ready.delivery.id;
    outcome.at = services_.clock.now();
    outcome.generation = generation.policy->generation();
    outcome.next_attempt = outcome.at + backoff(generation.policy->retry(), ready.delivery.attempts + 1);
    return outcome;
}

// Asked after an attempt that failed: mail that waited long for something else (an outage, a stopped engine) has one.
bool Outcomes::is_overdue(const Generation& generation, const queue::Ready& ready) const
{
    return services_.clock.now() - ready.message->received > generation.policy->retry().give_up;
}

bool Outcomes::delay_is_due(const Generation& generation, const queue::Ready& ready,
                            const store::RecipientRecord& recipient) const
{
    return !recipient.delay_reported &&
           services_.clock.now() - ready.message->received > generation.policy->retry().delay_report;
}

// Receiving counts as activity like sending.
void Outcomes::note_activity(const Generation& generation, const store::RecipientRecord& recipient) const
{
    const auto inside = mail::Address::parse(recipient.address);
    const auto* organisation = generation.policy->organisation(recipient.organisation);
    if (!inside || organisation == nullptr) return;
    const auto own = transform::outside(*inside, *organisation);
    services_.directory.logins().active(own ? own->key() : inside->key(), services_.clock.now());
}

Outcomes::One Outcomes::one_handed_over(const Generation& generation, const queue::Ready& ready,
                                        const store::RecipientRecord& recipient, State state,
                                        const deliver::RecipientResult& got) const
{
    One one{{recipient.id, state, got.reply.summary(), false}, {}, true};
    one.fate.recipient = &recipient;
    one.fate.reply = one.became.reply;
    one.fate.from_peer = !got.fault;
    if (state == State::queued) {
        one.fate.kind = report::Kind::delay;
        one.tell = one.became.delay_reported = delay_is_due(generation, ready, recipient);
    } else if (state == State::delivered) {
        one.fate.kind = report::Kind::delivered;
    } else if (state == State::relayed) {
        one.fate.kind = report::Kind::relayed;
        one.tell = !got.dsn_relayed;  // else it is theirs to tell: RFC 3461 section 5.2.2
        if (got.dsn_relayed && report::wanted(recipient.notify, report::Kind::relayed, ready.message->sender.empty()))
            one.became.answer_due = services_.clock.now() + generation.policy->retry().delay_report;
    }
    return one;
}

Became Outcomes::handed_over(const Generation& generation, const queue::Ready& ready, const Carry& carry,
                             const deliver::Connection* connection, const deliver::TransactionResult& result) const
{
    Became all{begin(generation, ready), {}};
    auto& outcome = all.outcome;
    if (connection) {
        outcome.next_hop = net::describe(connection->endpoint());
        outcome.tls = connection->tls();
    }
    bool deferred = false;
    for (std::size_t i = 0; i < carry.recipients.size(); ++i) {
        const auto& recipient = ready.delivery.recipients[carry.recipients[i]];
        State state = state_after(result.recipients[i].reply, carry.hop.protocol);
        if (state == State::queued && is_overdue(generation, ready)) state = State::expired;
        if (state == State::queued) deferred = true;
        if (state == State::relayed || state == State::delivered) note_activity(generation, recipient);
        auto one = one_handed_over(generation, ready, recipient, state, result.recipients[i]);
        one.fate.remote_mta = connection ? connection->endpoint().host : std::string{};
        one.fate.tls = outcome.tls;
        add(all, std::move(one));
    }
    const bool other_routes = carry.recipients.size() < ready.delivery.recipients.size();
    if (other_routes && !deferred) outcome.next_attempt = outcome.at;
    return all;
}

Outcomes::One Outcomes::one_settled(const Generation& generation, const queue::Ready& ready,
                                    const store::RecipientRecord& recipient, const Decision& decision) const
{
    One one{{recipient.id, State::queued, {}, recipient.delay_reported}, {}, true};
    auto& [became, fate, tell] = one;
    fate.recipient = &recipient;
    if (const auto* give_up = std::get_if<GiveUp>(&decision)) {
        became.state = give_up->state;
        became.reply = give_up->reply.empty() ? recipient.last_reply : give_up->reply;
        fate.reason = give_up->reason;
    } else if (const auto* hold = std::get_if<Hold>(&decision)) {
        became.state = State::held;
        became.reply = hold->words;
        fate.kind = report::Kind::delay;
        fate.reason = hold->words;
        tell = !recipient.delay_reported;
        became.delay_reported = true;
    } else {
        // The ledger is for administrators: it keeps why, which no peer and no report is told.
        const Fault& why = std::get<Defer>(decision).why;
        became.reply = printable(fmt::format("{} [{}]", as_reply(why), why.describe()), 900);
        fate.reply = as_reply(why);
        if (is_overdue(generation, ready)) {
            became.state = State::expired;
        } else {
            fate.kind = report::Kind::delay;
            tell = delay_is_due(generation, ready, recipient);
            became.delay_reported = became.delay_reported || tell;
        }
    }
    if (fate.reply.empty()) fate.reply = became.reply;
    return one;
}

Became Outcomes::settled(const Generation& generation, const queue::Ready& ready, const Decision& decision) const
{
    Became all{begin(generation, ready), {}};
    if (ready.delivery.quarantined) ++services_.metrics.quarantine_deleted;
    for (const auto& recipient : ready.delivery.recipients)
        add(all, one_settled(generation, ready, recipient, decision));
    if (const auto* hold = std::get_if<Hold>(&decision)) {
        all.outcome.hold = true;
        all.outcome.hold_reason = hold->reason;
    }
    return all;
}

void Outcomes::add(Became& all, One one) const
{
    count(services_.metrics, one.became.state);
    if (one.tell) all.fates.push_back(std::move(one.fate));
    all.outcome.recipients.push_back(std::move(one.became));
}

boost::asio::awaitable<void> Outcomes::record(const Generation& generation, const queue::Ready& ready,
                                              Became became) const
{
    auto& outcome = became.outcome;
    std::ranges::move(make_reports(services_, generation, *ready.message, ready.content, became.fates),
                      std::back_inserter(outcome.reports));
    log_attempt(ready, outcome);
    tell_of_unsent_alert(ready, outcome);
    co_await commit(std::move(outcome));
}

boost::asio::awaitable<void> Outcomes::commit(store::AttemptOutcome outcome) const
{
    const bool other_routes = outcome.next_attempt <= outcome.at;  // those recipients are not in the outcome
    const bool comes_back =
        other_routes || std::ranges::any_of(outcome.recipients, [](const auto& r) { return r.state == State::queued; });
    const bool reports = !outcome.reports.empty();
    const Instant due = reports ? outcome.at : outcome.next_attempt;
    for (;;) {
        auto recorded = co_await services_.store.record(outcome);
        if (recorded) break;
        services_.alarms.raise("storage", "What became of mail can't be recorded: " + recorded.error().describe());
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::seconds{1});
        co_await timer.async_wait(boost::asio::use_awaitable);
        if (services_.schedule.stopping()) co_return;
    }
    services_.alarms.clear("storage");
    if (comes_back || reports) services_.schedule.due(due);
}

void Outcomes::log_attempt(const queue::Ready& ready, const store::AttemptOutcome& outcome) const
{
    for (const auto& recipient : outcome.recipients) {
        const auto known =
            std::ranges::find(ready.delivery.recipients, recipient.recipient_id, &store::RecipientRecord::id);
        services_.log.info(
            "delivery attempt",
            {{"message", ready.message->id},
             {"generation", outcome.generation},
             {"organisation", ready.delivery.organisation},
             {"recipient", known == ready.delivery.recipients.end() ? std::string{} : known->address},
             {"next_hop", outcome.next_hop},
             {"tls", outcome.tls},
             {"outcome", recipient.state == State::queued ? std::string_view("deferred") : name_of(recipient.state)},
             {"reply", recipient.reply}});
    }
}

// An alert that fails for good is an event; one about such an alert is not, or there would be no end.
void Outcomes::tell_of_unsent_alert(const queue::Ready& ready, const store::AttemptOutcome& outcome) const
{
    const auto& message = *ready.message;
    if (message.origin != vocabulary::Origin::alert || message.rules.find(reason_unsent) != std::string::npos) return;
    for (const auto& recipient : outcome.recipients) {
        if (recipient.state != State::failed && recipient.state != State::expired) continue;
        const auto known =
            std::ranges::find(ready.delivery.recipients, recipient.recipient_id, &store::RecipientRecord::id);
        const std::string target = known == ready.delivery.recipients.end() ? std::string{} : known->address;
        services_.alarms.tell(
            vocabulary::EventId::alert_unsent, message.id,
            fmt::format("The mail {} about {} could not be delivered to {}: {}", message.id, message.rules, target,
                        recipient.reply),
            {{"rule", message.rules}, {"channel", "mail"}, {"target", target}, {"reason", recipient.reply}});
    }
}

}  // namespace postern::gateway
