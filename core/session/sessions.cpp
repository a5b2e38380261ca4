#include "session/sessions.hpp"

#include "session/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace postern::session {

namespace {

boost::asio::awaitable<void> converse(std::unique_ptr<Session> session, Log* log)
{
    try {
        co_await session->run();
    } catch (const std::exception& error) {
        log->error("session ended by a defect", {{"reason", error.what()}});
    }
}

// A client over a limit is told so without a machine: one write, whatever became of it, and the end.
boost::asio::awaitable<void> turn_away(net::Stream stream, std::string reply)
{
    co_await stream.write(std::string_view(reply), net::after(std::chrono::seconds{5}));
    co_await stream.shutdown(net::after(std::chrono::seconds{5}));
}

}  // namespace

Sessions::Sessions(net::Reactors& reactors, ports::Receptionist& receptionist, ports::Metrics& metrics, Log& log)
    : reactors_(reactors),
      receptionist_(receptionist),
      metrics_(metrics),
      log_(log),
      memory_(metrics.intake_bytes),
      by_reactor_(reactors.size())
{
}

Sessions::~Sessions() = default;

bool Sessions::enter(const vocabulary::Ip& ip, const vocabulary::IntakeLimits& limits)
{
    const std::lock_guard lock(mutex_);
    auto& mine = by_address_[ip];
    if (stopping_ || metrics_.connections_open >= limits.connections || mine >= limits.connections_per_address) {
        if (mine == 0) by_address_.erase(ip);
        return false;
    }
    ++mine;
    ++metrics_.connections_open;
    return true;
}

void Sessions::leave(const vocabulary::Ip& ip)
{
    const std::lock_guard lock(mutex_);
    --metrics_.connections_open;
    const auto mine = by_address_.find(ip);
    if (--mine->second == 0) by_address_.erase(mine);
}

void Sessions::serve(net::Socket socket, std::size_t index, net::Peer peer, ListenerSettingsPtr settings)
{
    ++metrics_.connections_total;
    auto& context = reactors_.context(index);
    net::Stream stream(std::move(socket));
    if (!enter(peer.ip, settings->listener.limits)) {
        ++metrics_.connections_refused;
        auto reply =
            mail::Reply::plain(421, settings->server_name + " Too many connections; please try again in a minute");
        boost::asio::co_spawn(context, turn_away(std::move(stream), reply.wire()), boost::asio::detached);
        return;
    }
    auto session = std::make_unique<Session>(*this, index, std::move(stream), peer, std::move(settings));
    boost::asio::co_spawn(context, converse(std::move(session), &log_), boost::asio::detached);
}

void Sessions::stop()
{
    stopping_ = true;
    reactors_.post_to_all([this](std::size_t index) {
        for (auto* session : by_reactor_[index]) session->wake();
    });
}

}  // namespace postern::session
