#include "gateway/delivery_decision.hpp"

#include "base/text.hpp"
#include "gateway/health.hpp"
#include "gateway/lists.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using store::State;
using vocabulary::Suspension;

Result<policy::RouteOrder> route(const Services& services, const Generation& generation, const queue::Ready& ready,
                                 const store::RecipientRecord& recipient)
{
    const auto& policy = *generation.policy;
    const auto address = mail::Address::parse(recipient.address);
    const auto sender = mail::Address::parse(ready.message->sender);
    if (!address) return std::unexpected(address.error());
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::delivery;
    facts.time = services.clock.now();
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

// Recipients may have several routes. Attempts take them in turn, so that one that fails does not keep the others.
Decision carry_on_one_route(const Services& services, const Generation& generation, const queue::Ready& ready)
{
    const auto& delivery = ready.delivery;
    std::vector<Carry> routes;
    std::optional<Fault> nowhere;
    for (std::size_t i = 0; i < delivery.recipients.size(); ++i) {
        const auto order = route(services, generation, ready, delivery.recipients[i]);
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

}  // namespace

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

Decision decide(const Services& services, const Generation& generation, const queue::Ready& ready)
{
    const auto& policy = *generation.policy;
    const auto& delivery = ready.delivery;
    const Instant now = services.clock.now();
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
        services.alarms.raise(
            std::string(gone_alarm) + delivery.organisation,
            fmt::format("Mail waits for {}, which is no longer declared. Declare it again, or bounce: "
                        "postern queue bounce --organisation {}",
                        delivery.organisation, delivery.organisation));
        return Defer{fault(Retry::later, "its organisation is no longer declared").about(delivery.organisation)};
    }
    return carry_on_one_route(services, generation, ready);
}

}  // namespace postern::gateway
