#include "gateway/deliver_path.hpp"

#include "base/text.hpp"
#include "gateway/backoff.hpp"
#include "gateway/hop.hpp"
#include "smtp/command.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using store::State;

// A connection is kept this long for the next message; longer would hold a member's server slots for nothing.
constexpr Duration keep_idle = std::chrono::seconds{2};

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

std::string as_reply(const Fault& fault)
{
    return mail::Reply::from(fault).summary();
}

}  // namespace

queue::Destination DeliverPath::destination(const queue::Ready& ready)
{
    const auto generation = services_.generations.current();
    const auto decision = decide(services_, *generation, ready);
    if (const auto* carry = std::get_if<Carry>(&decision)) return {carry->hop.name, carry->hop.concurrency};
    return {};
}

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
    auto decision = decide(services_, *generation, ready);
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
        const auto wait = backoff(generation.policy->retry(), services_.schedule.failures(lane) + 1);
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

boost::asio::awaitable<void> DeliverPath::conclude(const Generation& generation, const Carry& carry, queue::Ready ready,
                                                   const Line& line, Result<deliver::TransactionResult> result)
{
    if (!result) {
        Decision decision = Defer{result.error()};
        co_await settle_as(generation, std::move(ready), std::move(decision));
        co_return;
    }
    auto became = outcomes_.handed_over(generation, ready, carry, line.connection.get(), *result);
    co_await outcomes_.record(generation, ready, std::move(became));
}

boost::asio::awaitable<void> DeliverPath::settle_as(const Generation& generation, queue::Ready ready, Decision decision)
{
    auto became = outcomes_.settled(generation, ready, decision);
    if (ready.message->sender.empty()) became.fates.clear();  // it gets no report
    if (!became.fates.empty()) {
        auto read = co_await read_content(ready);
        if (!read)
            services_.log.error("report goes without its message",
                                {{"message", ready.message->id}, {"reason", read.error().describe()}});
    }
    co_await outcomes_.record(generation, ready, std::move(became));
}

boost::asio::awaitable<void> DeliverPath::settle(queue::Ready ready)
{
    const auto generation = services_.generations.current();
    auto decision = decide(services_, *generation, ready);
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
    if (copy->members == 0) {  // taken and gone would be a message lost
        otherwise = GiveUp{State::failed, "550 5.2.4 Nobody on this list could be given it",
                           "The list has no member who could be given it."};
        co_await settle_as(*generation, std::move(ready), std::move(otherwise));
        co_return;
    }
    Became became{outcomes_.begin(*generation, ready), {}};
    store::RecipientOutcome expanded{recipient.id, State::expanded, {}, false};
    // Read by who wrote to the list: nothing in it depends on whom they named beside it. The copy has the same
    // Message-ID, by which administrators find it.
    expanded.reply = fmt::format("copies for {} members{}", copy->members,
                                 copy->left_out > 0 ? fmt::format("; {} left out", copy->left_out) : std::string{});
    became.fates.push_back({&recipient, report::Kind::delivered, expanded.reply, false, {}, {}});  // RFC 3461 5.2.7.3
    became.outcome.recipients.push_back(std::move(expanded));
    if (copy->message) became.outcome.reports.push_back(std::move(*copy->message));
    co_await outcomes_.record(*generation, ready, std::move(became));
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

}  // namespace postern::gateway
