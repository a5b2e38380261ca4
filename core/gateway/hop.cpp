#include "gateway/hop.hpp"

#include "route/resolve.hpp"

#include <fmt/format.h>

namespace postern::gateway {

namespace {

std::string alarm_key(const vocabulary::NextHop& hop)
{
    return "hop-unproved " + hop.name;
}

void alarm_unproved(Services services, const vocabulary::NextHop& hop, const deliver::OpenFailure& failure)
{
    ++services.metrics.hops_unproved;
    services.alarms.raise(
        alarm_key(hop),
        fmt::format("{} could not prove itself by TLS and gets no mail: {}. Mail for it waits; mend its "
                    "certificate, or what is declared for it",
                    failure.endpoint, failure.fault.detail()),
        {{"destination", hop.name}, {"reason", failure.fault.detail()}});
}

// A client waits for its reply to RCPT meanwhile: better no answer soon than one that comes too late.
deliver::Timeouts while_somebody_waits()
{
    deliver::Timeouts timeouts;
    timeouts.connect = timeouts.handshake = timeouts.quit = std::chrono::seconds{5};
    timeouts.greeting = timeouts.command = std::chrono::seconds{20};
    return timeouts;
}

Fault deferred(Fault cause, const vocabulary::NextHop& hop)
{
    if (cause.retry() == Retry::later) return cause;
    // A hop that refuses us for good is mended by an administrator: the mail waits for that.
    return fault(Retry::later, "the next hop refuses us")
        .about(hop.name)
        .tell_peer(51, {4, 1}, cause.peer().text)
        .because(std::move(cause));
}

}  // namespace

boost::asio::awaitable<Result<std::unique_ptr<deliver::Connection>>> open_hop(Services services,
                                                                              const Generation& generation,
                                                                              const vocabulary::NextHop& hop,
                                                                              deliver::Timeouts timeouts)
{
    deliver::Identity identity{generation.policy->node().name, nullptr};
    if (!hop.credentials.empty()) {
        const auto login = generation.outward.logins.find(hop.credentials);
        if (login == generation.outward.logins.end())
            co_return fault(Retry::later, "its login is not among the secrets").about(hop.name);
        identity.login = login->second;
    }
    if (hop.tls != vocabulary::HopTls::none) {
        auto context = generation.hops->get(hop.tls, hop.ca_file);
        if (!context) co_return std::unexpected(deferred(context.error(), hop));
        identity.tls = *context;
    }
    auto endpoints = co_await route::resolve(hop, services.dns);
    if (!endpoints) co_return std::unexpected(deferred(endpoints.error(), hop));
    ++services.metrics.delivery_connections;
    auto opened = co_await deliver::Connection::open(hop, *endpoints, identity, timeouts);
    if (!opened) {
        if (opened.error().unproved) alarm_unproved(services, hop, opened.error());
        co_return std::unexpected(deferred(std::move(opened.error().fault), hop));
    }
    bool all_proved = true;
    for (const auto& failure : (*opened)->passed_over()) {
        if (!failure.unproved) continue;
        all_proved = false;
        alarm_unproved(services, hop, failure);
    }
    if (all_proved) services.alarms.clear(alarm_key(hop));
    co_return std::move(*opened);
}

boost::asio::awaitable<Result<bool>> ask_hop(Services services, const Generation& generation,
                                             const vocabulary::NextHop& hop, mail::Address address)
{
    const deliver::Timeouts timeouts = while_somebody_waits();
    auto connection = co_await open_hop(services, generation, hop, timeouts);
    const auto no_answer = [&address](Fault cause) -> Fault {
        return fault(Retry::later, "the member's server gave no answer about a recipient")
            .about(address.text())
            .tell_peer(50, {4, 3}, "The recipient's own server can't be asked at the moment; please try again")
            .because(std::move(cause));
    };
    if (!connection) co_return std::unexpected(no_answer(connection.error()));
    const auto result = co_await (*connection)->verify(address);
    co_await (*connection)->quit();
    const auto& answer = result.recipients.at(0);
    if (answer.fault) co_return std::unexpected(no_answer(*answer.fault));
    if (answer.reply.transient()) co_return std::unexpected(no_answer(fault(Retry::later, answer.reply.summary())));
    co_return answer.reply.positive();
}

}  // namespace postern::gateway
