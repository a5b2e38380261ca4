#include "gateway/deliver_path.hpp"

#include "base/text.hpp"
#include "directory/logins.hpp"
#include "gateway/backoff.hpp"
#include "gateway/health.hpp"
#include "gateway/hop.hpp"
#include "smtp/command.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>

namespace postern::gateway {

namespace {

using store::State;
using vocabulary::Suspension;

// A connection is kept this long for the next message; longer would hold a member's server slots for nothing.
constexpr Duration keep_idle = std::chrono::seconds{2};
constexpr std::string_view outage_hold = "outage";
constexpr std::string_view gone_alarm = "organisation-gone ";

double chance()
{
    thread_local std::minstd_rand generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

mail::Sender sender_of(const store::MessageRecord& message)
{
    mail::Sender sender;
    if (!message.sender.empty())
        if (auto address = mail::Address::parse(message.sender)) sender.path = std::move(*address);
    sender.body = message.body;
    sender.smtputf8 = message.smtputf8;
    sender.require_tls = message.require_tls;
    sender.ret = message.ret;
    sender.envelope_id = message.envelope_id;
    return sender;
}

// Where the sender gave no ORCPT the member's server gets ours (RFC 3461 section 5.2.1): it stands in what that
// reports, and shows whom it means wherever an alias there leads on to.
std::string original_recipient(const store::RecipientRecord& recipient)
{
    if (!recipient.original_recipient.empty() || !is_ascii(recipient.address)) return recipient.original_recipient;
    return "rfc822;" + smtp::encode_xtext(recipient.address);
}

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

// What we say ourselves is said to people in the same words: a reply's text without code and status.
std::string words_of(const std::string& reply)
{
    // "550 5.7.1 Text": what has no such front is words already.
    const auto status = reply.find(' ');
    if (status != 3 || reply.find_first_not_of("0123456789") != 3) return reply;
    const auto text = reply.find(' ', status + 1);
    const bool has_status = text != std::string::npos && reply.find_first_not_of("0123456789.", status + 1) == text;
    return reply.substr(has_status ? text + 1 : status + 1);
}

std::string as_reply(const Fault& fault)
{
    return mail::Reply::from(fault).summary();
}

}  // namespace

// --- what is to be done ------------------------------------------------------------------------------------------

Result<policy::RouteOrder> DeliverPath::route(const Generation& generation, const queue::Ready& ready,
                                              const store::RecipientRecord& recipient) const
{
    const auto& policy = *generation.policy;
    const auto address = mail::Address::parse(recipient.address);
    const auto sender = mail::Address::parse(ready.message->sender);
    if (!address) return std::unexpected(address.error());
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::delivery;
    facts.time = services_.clock.now();
    facts.origin = ready.message->origin;
    facts.sender_organisation = policy.organisation(ready.message->organisation);
    facts.sender = sender ? &*sender : nullptr;
    facts.recipient = &*address;
    facts.recipient_organisation = policy.organisation(recipient.organisation);
    facts.recipient_inside = !recipient.organisation.empty();
    facts.size = ready.message->size;
    facts.generation = policy.generation();
    return policy.route(facts);
}

DeliverPath::Decision DeliverPath::decide(const Generation& generation, const queue::Ready& ready) const
{
    const auto& policy = *generation.policy;
    const auto& delivery = ready.delivery;
    const Instant now = services_.clock.now();
    if (!delivery.bounce_reason.empty())
        return GiveUp{State::failed, delivery.bounce_reason, words_of(delivery.bounce_reason)};
    if (delivery.quarantined)  // claimed: its time is over
        return GiveUp{State::expired, fmt::format("550 5.7.1 Kept back ({}) and not released", delivery.hold_reason),
                      fmt::format("It was kept for the people of this service to look at ({}), and nobody released it "
                                  "in the time allowed.",
                                  delivery.hold_reason)};
    if (ports::Probe::is_one(delivery.recipients.front().hop_address, policy.node().name)) {
        auto hop = own_listener(policy.node());
        if (!hop) return Defer{hop.error()};
        return Carry{std::move(*hop), {0}};
    }
    if (delivery.undecided) return DecideFirst{};
    const auto* organisation = policy.organisation(delivery.organisation);
    const auto* suspension = organisation ? organisation->suspension(now) : nullptr;
    if (suspension && suspension->kind == Suspension::Kind::sanction)
        return GiveUp{State::failed, fmt::format("550 5.7.1 {} is suspended from this service", organisation->name),
                      fmt::format("{} is suspended from this service and receives no mail.", organisation->name)};
    if (is_list_hop(delivery.recipients.front().hop_address)) return Expand{};
    if (suspension)
        return Hold{std::string(outage_hold),
                    fmt::format("{} has announced that its server is out of service until {}. {}", organisation->name,
                                to_rfc5322(*suspension->until), suspension->reason)};
    if (!organisation && !delivery.organisation.empty()) {
        services_.alarms.raise(
            std::string(gone_alarm) + delivery.organisation,
            fmt::format("Mail waits for {}, which is no longer declared. Declare it again, or bounce: "
                        "postern queue bounce --organisation {}",
                        delivery.organisation, delivery.organisation));
        return Defer{fault(Retry::later, "its organisation is no longer declared").about(delivery.organisation)};
    }
    return carry_on_one_route(generation, ready);
}

// Recipients may have several routes. Attempts take them in turn, so that one that fails does not keep the others.
DeliverPath::Decision DeliverPath::carry_on_one_route(const Generation& generation, const queue::Ready& ready) const
{
    const auto& delivery = ready.delivery;
    std::vector<Carry> routes;
    std::optional<Fault> nowhere;
    for (std::size_t i = 0; i < delivery.recipients.size(); ++i) {
        const auto order = route(generation, ready, delivery.recipients[i]);
        if (!order || !order->next_hop) {
            nowhere = order ? Fault(fault(Retry::later, "no next hop is declared for it")
                                        .tell_peer(51, {4, 4}, "There is no way to this recipient at present"))
                            : order.error();
            continue;
        }
        auto known =
            std::ranges::find_if(routes, [&](const Carry& carry) { return carry.hop.name == order->next_hop->name; });
        if (known == routes.end()) known = routes.insert(known, Carry{*order->next_hop, {}});
        known->recipients.push_back(i);
    }
    if (!routes.empty()) return std::move(routes[delivery.attempts % routes.size()]);
    return Defer{nowhere ? *nowhere : Fault(fault(Retry::later, "it has no open recipient"))};
}

queue::Destination DeliverPath::destination(const queue::Ready& ready)
{
    const auto generation = services_.generations.current();
    const auto decision = decide(*generation, ready);
    if (const auto* carry = std::get_if<Carry>(&decision)) return {carry->hop.name, carry->hop.concurrency};
    return {};
}

Instant DeliverPath::next_attempt(const Generation& generation, unsigned attempts) const
{
    return services_.clock.now() + backoff(generation.policy->retry(), attempts, chance());
}

// Asked after an attempt that failed: mail that waited long for something else (an outage, a stopped engine) has one.
bool DeliverPath::is_overdue(const Generation& generation, const queue::Ready& ready) const
{
    return services_.clock.now() - ready.message->received > generation.policy->retry().give_up;
}

bool DeliverPath::delay_is_due(const Generation& generation, const queue::Ready& ready,
                               const store::RecipientRecord& recipient) const
{
    return !recipient.delay_reported &&
           services_.clock.now() - ready.message->received > generation.policy->retry().delay_report;
}

// --- a worker ----------------------------------------------------------------------------------------------------

boost::asio::awaitable<void> DeliverPath::serve(queue::LanePtr lane)
{
    Line line;
    for (;;) {
        auto ready = co_await services_.schedule.next(lane, line.connection ? keep_idle : Duration::zero());
        if (!ready) break;
        co_await attempt(*lane, line, std::move(*ready));
        if (line.surplus) break;
    }
    if (line.connection) co_await line.connection->quit();
}

// The spine of the way out.
boost::asio::awaitable<void> DeliverPath::attempt(queue::Lane& lane, Line& line, queue::Ready ready)
{
    const auto generation = services_.generations.current();
    auto decision = decide(*generation, ready);
    const auto* carry = std::get_if<Carry>(&decision);
    if (std::holds_alternative<DecideFirst>(decision)) {
        co_await decide_first(generation, std::move(ready));
        co_return;
    }
    if (std::holds_alternative<Expand>(decision)) {
        co_await expand(generation, std::move(ready));
        co_return;
    }
    if (!carry) {
        co_await settle_as(*generation, std::move(ready), std::move(decision));
        co_return;
    }
    if (carry->hop.name != lane.name()) {  // a reload changed its route
        services_.schedule.offer(std::move(ready));
        co_return;
    }
    // One that had a connection may have it again, whatever became of its fellows: the server may allow no more.
    auto down = line.worked ? std::nullopt : services_.schedule.down(lane);
    if (down && services_.schedule.shared(lane)) {
        line.surplus = true;
        services_.schedule.offer(std::move(ready));
        co_return;
    }
    if (down) {
        decision = Defer{std::move(*down)};
        co_await settle_as(*generation, std::move(ready), std::move(decision));
        co_return;
    }
    if (auto read = co_await read_content(ready); !read) {
        decision = Defer{read.error()};
        co_await settle_as(*generation, std::move(ready), std::move(decision));
        co_return;
    }
    auto result = co_await send(lane, line, *generation, *carry, ready);
    co_await conclude(*generation, *carry, std::move(ready), line, std::move(result));
    if (line.connection && !line.connection->reusable()) {
        co_await line.connection->quit();
        line.connection.reset();
    }
}

boost::asio::awaitable<Result<void>> DeliverPath::read_content(queue::Ready& ready)
{
    if (ready.content) co_return Result<void>{};
    auto content = co_await services_.store.content(ready.message->id);
    if (!content) co_return std::unexpected(content.error());
    ready.content = std::move(*content);
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> DeliverPath::connect(queue::Lane& lane, Line& line, const Generation& generation,
                                                          const vocabulary::NextHop& hop)
{
    if (line.connection && !(line.hop == hop)) {  // declared anew: what was proved no longer counts
        co_await line.connection->quit();
        line.connection.reset();
    }
    if (line.connection) co_return Result<void>{};
    auto opened = co_await open_hop(services_, generation, hop);
    line.worked = opened.has_value();
    if (!opened) {
        const auto wait = backoff(generation.policy->retry(), services_.schedule.failures(lane) + 1, chance());
        services_.schedule.mark_down(lane, services_.clock.now() + std::min<Duration>(wait, std::chrono::minutes{5}),
                                     opened.error());
        co_return std::unexpected(opened.error());
    }
    services_.schedule.mark_up(lane);
    line.connection = std::move(*opened);
    line.hop = hop;
    co_return Result<void>{};
}

boost::asio::awaitable<Result<deliver::TransactionResult>> DeliverPath::send(queue::Lane& lane, Line& line,
                                                                             const Generation& generation,
                                                                             const Carry& carry,
                                                                             const queue::Ready& ready)
{
    smtp::ClientTransaction transaction;
    transaction.sender = sender_of(*ready.message);
    // RFC 8689 is about hops between servers; a mailbox on this machine's own socket is the end of the road.
    if (carry.hop.protocol == vocabulary::HopProtocol::lmtp) transaction.sender.require_tls = false;
    transaction.content = mail::apply(*ready.content, ready.delivery.edits);
    for (const auto index : carry.recipients) {
        const auto& recipient = ready.delivery.recipients[index];
        auto address = mail::Address::parse(recipient.hop_address);
        if (!address) co_return std::unexpected(address.error());
        transaction.recipients.push_back({std::move(*address), recipient.notify, original_recipient(recipient)});
    }
    // A kept connection that its server closed meanwhile is no failure: once more, on a fresh one.
    for (;;) {
        const bool kept = line.connection != nullptr;
        if (auto connected = co_await connect(lane, line, generation, carry.hop); !connected)
            co_return std::unexpected(connected.error());
        auto result = co_await line.connection->send(transaction);
        // Nor is an extension that it lacked when we met: it may have been replaced since.
        const bool objected = std::ranges::any_of(
            result.recipients, [](const auto& r) { return r.fault && r.fault->retry() == Retry::never; });
        if (!kept || !(result.stale || objected)) co_return result;
        line.connection.reset();
    }
}

// --- what became of it -------------------------------------------------------------------------------------------

store::AttemptOutcome DeliverPath::outcome_of(const Generation& generation, const queue::Ready& ready) const
{
    store::AttemptOutcome outcome;
    outcome.message_id = ready.message->id;
    outcome.delivery_id = ready.delivery.id;
    outcome.at = services_.clock.now();
    outcome.generation = generation.policy->generation();
    outcome.next_attempt = next_attempt(generation, ready.delivery.attempts + 1);
    return outcome;
}

// Receiving counts as activity like sending.
void DeliverPath::note_activity(const Generation& generation, const store::RecipientRecord& recipient) const
{
    const auto inside = mail::Address::parse(recipient.address);
    const auto* organisation = generation.policy->organisation(recipient.organisation);
    if (!inside || organisation == nullptr) return;
    const auto own = transform::outside(*inside, *organisation);
    services_.directory.logins().active(own ? own->key() : inside->key(), services_.clock.now());
}

boost::asio::awaitable<void> DeliverPath::conclude(const Generation& generation, const Carry& carry, queue::Ready ready,
                                                   const Line& line, Result<deliver::TransactionResult> result)
{
    if (!result) {
        Decision decision = Defer{result.error()};
        co_await settle_as(generation, std::move(ready), std::move(decision));
        co_return;
    }
    auto outcome = outcome_of(generation, ready);
    if (line.connection) {
        outcome.next_hop = net::describe(line.connection->endpoint());
        outcome.tls = line.connection->tls();
    }
    std::vector<Fate> fates;
    for (std::size_t i = 0; i < carry.recipients.size(); ++i) {
        const auto& recipient = ready.delivery.recipients[carry.recipients[i]];
        const auto& got = result->recipients[i];
        State state = state_after(got.reply, carry.hop.protocol);
        if (state == State::queued && is_overdue(generation, ready)) state = State::expired;
        count(services_.metrics, state);
        if (state == State::relayed || state == State::delivered) note_activity(generation, recipient);
        store::RecipientOutcome became{recipient.id, state, got.reply.summary(), false};
        Fate fate{&recipient,
                  report::Kind::failure,
                  became.reply,
                  !got.fault,
                  line.connection ? line.connection->endpoint().host : std::string{},
                  {}};
        if (state == State::queued) {
            fate.kind = report::Kind::delay;
            became.delay_reported = delay_is_due(generation, ready, recipient);
        } else if (state == State::relayed) {
            fate.kind = report::Kind::relayed;
        } else if (state == State::delivered) {
            fate.kind = report::Kind::delivered;
        }
        fate.tls = outcome.tls;
        const bool theirs = state == State::relayed && got.dsn_relayed;  // RFC 3461 section 5.2.2
        if (theirs && report::wanted(recipient.notify, report::Kind::relayed, ready.message->sender.empty()))
            became.answer_due = outcome.at + generation.policy->retry().delay_report;
        if (!theirs && (state != State::queued || became.delay_reported)) fates.push_back(std::move(fate));
        outcome.recipients.push_back(std::move(became));
    }
    const bool deferred =
        std::ranges::any_of(outcome.recipients, [](const auto& became) { return became.state == State::queued; });
    const bool other_routes = carry.recipients.size() < ready.delivery.recipients.size();
    if (other_routes && !deferred) outcome.next_attempt = outcome.at;
    outcome.reports = make_reports(services_, generation, *ready.message, ready.content, fates);
    log_attempt(ready, outcome);
    tell_of_unsent_alert(ready, outcome);
    co_await record(std::move(outcome));
}

boost::asio::awaitable<void> DeliverPath::settle(queue::Ready ready)
{
    const auto generation = services_.generations.current();
    auto decision = decide(*generation, ready);
    if (std::holds_alternative<Carry>(decision))  // a reload came between
        services_.schedule.offer(std::move(ready));
    else if (std::holds_alternative<DecideFirst>(decision))
        co_await decide_first(generation, std::move(ready));
    else if (std::holds_alternative<Expand>(decision))
        co_await expand(generation, std::move(ready));
    else
        co_await settle_as(*generation, std::move(ready), std::move(decision));
}

// Nothing undecided is handed over: what can't be decided now waits as if its next hop had put it off.
boost::asio::awaitable<void> DeliverPath::decide_first(GenerationPtr generation, queue::Ready ready)
{
    std::optional<Fault> why;
    if (auto read = co_await read_content(ready); !read) {
        why = read.error();
    } else {
        Undecided what{generation, ready.message, ready.content, ready.delivery, {}};  // g++ 12: not in the co_await
        auto again = co_await reconsider_.decide(std::move(what));
        if (again) {
            again->reason = "decided again";
            const bool waits = !again->plan.held && !again->plan.quarantined;
            const Instant due = again->at;
            const auto ends = again->plan.ends;
            auto stored = co_await services_.store.redecide(std::move(*again));
            if (stored) {
                services_.log.info("decided again", {{"message", ready.message->id},
                                                     {"generation", generation->policy->generation()},
                                                     {"recipient", ready.delivery.recipients.front().address},
                                                     {"outcome", waits ? "goes on" : "kept"}});
                services_.schedule.due(due);
                if (ends) services_.schedule.due(*ends);
                co_return;
            }
            why = stored.error();
        } else {
            why = again.error();
        }
    }
    Decision decision = Defer{std::move(*why)};
    co_await settle_as(*generation, std::move(ready), std::move(decision));
}

// One commit says that the list was expanded and stores the copy: a crash before it expands again, and after it never.
boost::asio::awaitable<void> DeliverPath::expand(GenerationPtr generation, queue::Ready ready)
{
    Decision otherwise = Defer{fault(Retry::later, "its content can't be read")};
    if (auto read = co_await read_content(ready); !read) {
        otherwise = Defer{read.error()};
        co_await settle_as(*generation, std::move(ready), std::move(otherwise));
        co_return;
    }
    const auto& recipient = ready.delivery.recipients.front();
    auto copy = co_await list_copies_.make(generation, ready.message, ready.content, recipient);
    if (!copy) {
        if (copy.error().retry() == Retry::never)
            otherwise = GiveUp{State::failed, as_reply(copy.error()), words_of(as_reply(copy.error()))};
        else
            otherwise = Defer{copy.error()};
        co_await settle_as(*generation, std::move(ready), std::move(otherwise));
        co_return;
    }
    auto outcome = outcome_of(*generation, ready);
    store::RecipientOutcome became{recipient.id, State::expanded, {}, false};
    // Read by who wrote to the list: nothing in it depends on whom they named beside it. The copy has the same
    // Message-ID, by which administrators find it.
    became.reply = fmt::format("copies for {} members{}", copy->members,
                               copy->left_out > 0 ? fmt::format("; {} left out", copy->left_out) : std::string{});
    std::vector<Fate> fates{{&recipient, report::Kind::delivered, became.reply, false, {}, {}}};  // RFC 3461 5.2.7.3
    outcome.recipients.push_back(std::move(became));
    outcome.reports = make_reports(services_, *generation, *ready.message, ready.content, fates);
    if (copy->message) outcome.reports.push_back(std::move(*copy->message));
    log_attempt(ready, outcome);
    co_await record(std::move(outcome));
}

boost::asio::awaitable<void> DeliverPath::settle_as(const Generation& generation, queue::Ready ready, Decision decision)
{
    auto outcome = outcome_of(generation, ready);
    if (ready.delivery.quarantined) ++services_.metrics.quarantine_deleted;
    std::vector<Fate> fates;
    for (const auto& recipient : ready.delivery.recipients) {
        store::RecipientOutcome became{recipient.id, State::queued, {}, recipient.delay_reported};
        Fate fate{&recipient, report::Kind::failure, {}, false, {}, {}};
        bool tell = true;
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
        count(services_.metrics, became.state);
        if (tell) fates.push_back(std::move(fate));
        outcome.recipients.push_back(std::move(became));
    }
    if (const auto* hold = std::get_if<Hold>(&decision)) {
        outcome.hold = true;
        outcome.hold_reason = hold->reason;
    }
    if (!fates.empty() && !ready.message->sender.empty()) {
        auto read = co_await read_content(ready);
        if (!read)
            services_.log.error("report goes without its message",
                                {{"message", ready.message->id}, {"reason", read.error().describe()}});
        outcome.reports = make_reports(services_, generation, *ready.message, ready.content, fates);
    }
    log_attempt(ready, outcome);
    tell_of_unsent_alert(ready, outcome);
    co_await record(std::move(outcome));
}

// What a peer took must be recorded, or it would be sent again: a storage error is waited out.
boost::asio::awaitable<void> DeliverPath::record(store::AttemptOutcome outcome)
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

void DeliverPath::log_attempt(const queue::Ready& ready, const store::AttemptOutcome& outcome) const
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
void DeliverPath::tell_of_unsent_alert(const queue::Ready& ready, const store::AttemptOutcome& outcome) const
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

boost::asio::awaitable<void> DeliverPath::release_after_outages()
{
    const auto generation = services_.generations.current();
    for (const auto& alarm : services_.alarms.standing())
        if (alarm.key.starts_with(gone_alarm) && generation->policy->organisation(alarm.key.substr(gone_alarm.size())))
            services_.alarms.clear(alarm.key);
    const auto held = co_await services_.store.organisations_held(std::string(outage_hold));
    if (!held) co_return;
    for (const auto& organisation : *held) {
        const auto* declared = generation->policy->organisation(organisation);
        if (declared && declared->suspension(services_.clock.now())) continue;
        auto released = co_await services_.store.release_organisation(organisation, std::string(outage_hold),
                                                                      services_.clock.now());
        if (released && *released > 0) {
            services_.log.info("outage over, held mail goes on",
                               {{"organisation", organisation}, {"count", std::uint64_t{*released}}});
            services_.schedule.due(services_.clock.now());
        }
    }
}

// The content is gone by then: the answer is of what the ledger knows.
store::Answered DeliverPath::answer_to(const Generation& generation, const store::Trace& trace) const
{
    store::Answered answer{trace.message.id, {}, services_.clock.now(), generation.policy->generation(), {}};
    std::vector<Fate> fates;
    for (const auto& recipient : trace.recipients) {
        answer.recipients.push_back(recipient.id);
        Fate fate{&recipient, report::Kind::relayed, recipient.last_reply, true, {}, {}};
        fate.at = recipient.changed;
        fate.silent = true;
        for (const auto& event : trace.events)
            if (event.kind == "attempt" && event.recipient == recipient.address &&
                event.state == name_of(State::relayed)) {
                fate.remote_mta = event.next_hop.substr(0, event.next_hop.find(' '));
                fate.tls = event.tls;
            }
        fates.push_back(std::move(fate));
    }
    answer.reports = make_reports(services_, generation, trace.message, {}, fates);
    return answer;
}

boost::asio::awaitable<void> DeliverPath::answer_for_the_silent()
{
    constexpr std::size_t at_once = 200;
    const auto generation = services_.generations.current();
    for (;;) {
        const auto due = co_await services_.store.answers_due(services_.clock.now(), at_once);
        if (!due || due->empty()) co_return;
        for (const auto& trace : *due) {
            auto answer = answer_to(*generation, trace);
            const Instant at = answer.at;
            const auto told = co_await services_.store.answer(std::move(answer));
            if (!told) co_return;  // the store says so itself; it is tried again
            if (*told) services_.schedule.due(at);
        }
    }
}

}  // namespace postern::gateway
