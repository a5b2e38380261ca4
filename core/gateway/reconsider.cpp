#include "gateway/reconsider.hpp"

#include "gateway/composition.hpp"
#include "gateway/judgement.hpp"
#include "gateway/notices.hpp"
#include "gateway/recalled.hpp"
#include "gateway/reports.hpp"
#include "gateway/virus_alarm.hpp"

#include <algorithm>

namespace postern::gateway {

namespace {

store::State state_of(const store::DeliveryRecord& plan)
{
    return plan.quarantined ? store::State::quarantined : plan.held ? store::State::held : store::State::queued;
}

}  // namespace

boost::asio::awaitable<Result<Decided>> Reconsider::judge(const Undecided& what, Transaction& transaction,
                                                          const mail::Header& header)
{
    const auto& record = what.delivery.recipients.front();
    auto address = mail::Address::parse(record.address);
    if (!address) co_return std::unexpected(address.error());
    auto trace = co_await sources_.history.message(what.message->id);
    if (!trace) co_return std::unexpected(trace.error());
    Decided decided;
    std::size_t recipients = 1;
    if (*trace) {
        recipients = (*trace)->recipients.size();
        for (const auto& other : (*trace)->recipients)  // whoever has it, or was refused it, is not added once more
            if (const auto known = mail::Address::parse(other.address); known && other.id != record.id)
                decided.seen.insert(known->key());
    }
    // Its rates were counted at RCPT; those of recipients that rules add are counted now.
    const auto counted = std::exchange(transaction.rates, std::make_shared<RateBook>(nullptr));
    Recipients known(sources_);
    mail::Recipient said{std::move(*address), record.notify, record.original_recipient};
    auto accepted = co_await known.accept(transaction, std::move(said));
    transaction.rates = counted;
    if (!accepted) {
        if (accepted.error().retry() == Retry::later) co_return std::unexpected(accepted.error());
        AcceptedRecipient refused{
            mail::Recipient{*mail::Address::parse(record.address), record.notify, record.original_recipient},
            *mail::Address::parse(record.address),
            record.hop_address,
            what.generation->policy->organisation(record.organisation),
            {},
            {},
            {}};
        decided.recipients.push_back(Verdicts::turned_away(refused, accepted.error()));
        co_return decided;
    }
    transaction.recipients.push_back(*accepted);
    Verdicts verdicts(sources_);
    const auto view = co_await verdicts.look_at(transaction.policy(), header, what.content, recipients);
    if (view.unscanned) co_return std::unexpected(*view.unscanned);
    co_await verdicts.decide(transaction, *accepted, view, what.ruling, decided);
    for (const auto& recipient : decided.recipients)
        if (!recipient.added && recipient.verdict == Verdict::defer) co_return std::unexpected(*recipient.fault);
    if (view.inspection)
        tell_of_viruses(services_, transaction, header, *what.content, *view.inspection, decided.recipients);
    transaction.rates->keep();
    co_return decided;
}

boost::asio::awaitable<Result<store::Redecision>> Reconsider::decide(Undecided what)
{
    const auto header = mail::Header::parse(*what.content, recalled_header);
    if (!header) co_return std::unexpected(header.error());
    auto transaction = recalled_transaction(what.generation, *what.message, sources_.rates);
    if (!transaction) co_return std::unexpected(transaction.error());
    auto decided = co_await judge(what, *transaction, *header);
    if (!decided) co_return std::unexpected(decided.error());

    const Instant now = sources_.clock.now();
    const auto connection = recalled_connection(*what.message);
    auto notices = std::move(decided->notices);
    if (!what.ruling.except.empty()) notices.clear();  // people were told when the message came
    Judged own, added;
    own.hops = added.hops = what.message->hops;
    own.sender = added.sender = transaction->inside_sender;
    for (auto& recipient : decided->recipients)
        (recipient.added ? added : own).recipients.push_back(std::move(recipient));

    store::Redecision again;
    again.message_id = what.message->id;
    again.delivery_id = what.delivery.id;
    again.at = now;
    again.generation = transaction->policy().generation();
    auto record = what.delivery.recipients.front();
    record.decision = own.recipients.front().record.decision;
    record.last_reply = own.recipients.front().record.last_reply;
    record.state = own.recipients.front().record.state;
    auto mine = compose(*transaction, connection, *header, what.content, std::move(own), what.message->received,
                        sources_.trace_key, what.message->id);
    if (!mine.deliveries.empty()) {
        again.plan = std::move(mine.deliveries.front());
        again.plan.due = now;
        record.state = state_of(again.plan);
    }
    again.plan.attempts = what.delivery.attempts;
    if (!added.recipients.empty()) {
        auto copy = compose(*transaction, connection, *header, what.content, std::move(added), now, sources_.trace_key);
        if (!copy.deliveries.empty()) again.also.push_back(std::move(copy));
    }
    auto told = co_await make_notices(services_, what.generation, *what.message, what.content, std::move(notices));
    std::ranges::move(told, std::back_inserter(again.also));
    const bool kept = again.plan.quarantined || again.plan.held;
    if (kept && !record.delay_reported) {
        auto reports =
            make_reports(services_, *what.generation, *what.message, what.content, {kept_fate(record, again.plan)});
        std::ranges::move(reports, std::back_inserter(again.also));
        record.delay_reported = true;
    }
    again.plan.recipients = {std::move(record)};
    co_return again;
}

}  // namespace postern::gateway
