#include "gateway/health.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "net/certificate_dates.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::gateway {

namespace {

using Steady = std::chrono::steady_clock;

constexpr Duration look_every = std::chrono::milliseconds{20};

HealthCheck good(std::string name, std::string text)
{
    return {std::move(name), true, std::move(text)};
}

HealthCheck bad(std::string name, std::string text)
{
    return {std::move(name), false, std::move(text)};
}

HealthCheck check_policy(const Services& services)
{
    const auto current = services.generations.current();
    if (!current) return bad("policy", "no policy is in force");
    return good("policy", fmt::format("generation {} is in force", current->policy->generation()));
}

HealthCheck check_storage(const Services& services)
{
    if (services.store.failing())
        return bad("storage", "the database refuses writes; look at the disk of storage: directory");
    return good("storage", "takes writes");
}

HealthCheck check_signatures(const Services& services)
{
    const auto& scanner = services.generations.current()->policy->node().scanner;
    if (scanner.signatures.empty()) return good("signatures", "none are declared");
    if (services.inspector == nullptr) return bad("signatures", "no scanner runs");
    const auto status = services.inspector->status();
    if (!status.signatures.empty()) return good("signatures", status.signatures);
    if (!status.trouble.empty()) return bad("signatures", "not loaded: " + status.trouble);
    return bad("signatures", status.loading ? "still being loaded"
                                            : fmt::format("none are loaded; is a set in {}?", scanner.signatures));
}

store::NewMessage make_probe(const Services& services, const std::string& address)
{
    const auto now = services.clock.now();
    const auto& policy = *services.generations.current()->policy;
    store::NewMessage made;
    made.message.id = make_message_id(now);
    made.message.received = now;
    made.message.origin = vocabulary::Origin::report;
    made.message.generation = policy.generation();
    made.message.sender = address;
    made.message.header_message_id = fmt::format("<{}@{}>", made.message.id, policy.node().name);
    auto content = fmt::format(
        "From: {0}\r\nTo: {0}\r\nDate: {1}\r\nMessage-ID: {2}\r\nSubject: postern health\r\n\r\n"
        "The service asks itself whether mail goes through.\r\n",
        address, to_rfc5322(now), made.message.header_message_id);
    made.message.size = content.size();
    made.content = std::make_shared<const std::string>(std::move(content));
    store::RecipientRecord recipient;
    recipient.address = recipient.hop_address = address;
    recipient.notify = {.specified = true, .never = true};
    store::DeliveryRecord delivery;
    delivery.due = now;
    delivery.recipients.push_back(std::move(recipient));
    made.deliveries.push_back(std::move(delivery));
    return made;
}

/// The probe's trace; nothing where the ledger can't be asked.
boost::asio::awaitable<std::optional<store::Trace>> trace_of(const Services& services, std::string id)
{
    store::TraceFilter filter;
    filter.id = std::move(id);
    filter.limit = 1;
    auto found = co_await services.store.trace(std::move(filter));
    if (!found || found->empty()) co_return std::nullopt;
    co_return std::move(found->front());
}

/// How far it came, for whoever has to mend it.
std::string why_not(const std::optional<store::Trace>& trace, Duration patience)
{
    const auto waited = vocabulary::print_duration(patience);
    if (!trace) return fmt::format("a message to ourselves was stored, and the ledger can't be asked about it");
    const auto& reply = trace->recipients.front().last_reply;
    if (!reply.empty())
        return fmt::format("a message to ourselves did not come back within {}: {}", waited, printable(reply));
    return fmt::format("a message to ourselves was stored, and not tried within {}: the queue stands still or is long",
                       waited);
}

/// What is left of it goes; where that fails it stays in the ledger, and says what it is.
boost::asio::awaitable<void> clear_away(const Services& services, std::string id)
{
    store::QueueFilter filter;
    filter.ids.push_back(id);
    std::string actor = "health";
    static_cast<void>(co_await services.store.remove(std::move(filter), std::move(actor)));
    static_cast<void>(co_await services.store.forget(std::move(id)));
}

boost::asio::awaitable<HealthCheck> check_mail(Services services, Duration patience)
{
    const auto begun = Steady::now();
    const auto& node = services.generations.current()->policy->node();
    if (services.probe == nullptr) co_return bad("mail", "this gateway sends nothing to itself");
    if (auto hop = own_listener(node); !hop) co_return bad("mail", hop.error().describe());
    const auto address = services.probe->begin(node.name);
    auto message = make_probe(services, address);
    const auto id = message.message.id;
    auto stored = co_await services.store.commit(std::move(message), std::nullopt);
    if (!stored) {
        services.probe->end(address);
        co_return bad("mail", "a message to ourselves can't be stored: " + stored.error().describe());
    }
    services.schedule.due(services.clock.now());

    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    std::optional<store::Trace> trace;
    bool through = false;
    while (!through && Steady::now() - begun < patience) {
        timer.expires_after(look_every);
        co_await timer.async_wait(boost::asio::use_awaitable);
        if (!services.probe->has_arrived(address)) continue;
        auto seen = co_await trace_of(services, id);
        through = seen && seen->recipients.front().state == store::State::relayed;
    }
    trace = co_await trace_of(services, id);
    const bool arrived = services.probe->has_arrived(address);
    services.probe->end(address);
    auto cleared = clear_away(services, id);
    co_await std::move(cleared);
    if (through)
        co_return good(
            "mail", fmt::format("a message to ourselves came back in {} ms",
                                std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begun).count()));
    if (arrived) co_return bad("mail", "a message to ourselves came back, and that can't be recorded");
    co_return bad("mail", why_not(trace, patience));
}

}  // namespace

bool Health::good() const
{
    return std::ranges::all_of(checks, &HealthCheck::good);
}

Result<vocabulary::NextHop> own_listener(const vocabulary::Node& node)
{
    if (node.listeners.empty()) return fault(Retry::later, "no listener is declared");
    const auto& listener = node.listeners.front();
    if (listener.address.port == 0) return fault(Retry::later, "the first listener has no port of its own");
    vocabulary::NextHop hop;
    hop.name = "own listener";
    hop.concurrency = 2;
    hop.hosts.push_back(listener.address);
    auto& host = hop.hosts.front().host;
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    hop.tls = vocabulary::HopTls::none;
    if (!listener.tls) return hop;
    const auto print = net::fingerprint_in(listener.tls->certificate);
    if (!print) return fault(Retry::later, "holds no certificate that can be read").about(listener.tls->certificate);
    hop.tls = vocabulary::HopTls::pin;
    hop.pins.push_back(*print);
    return hop;
}

boost::asio::awaitable<Health> check_health(Services services, Duration patience)
{
    Health health;
    health.checks.push_back(check_policy(services));
    health.checks.push_back(check_signatures(services));
    health.checks.push_back(check_storage(services));
    auto mail = check_mail(services, patience);
    auto checked = co_await std::move(mail);
    health.checks.push_back(std::move(checked));
    co_return health;
}

}  // namespace postern::gateway
