// Outgoing connections; and how an endpoint is named.
#include "net/endpoint.hpp"
#include "net/stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <optional>

namespace postern::net {

namespace asio = boost::asio;

namespace {

using Place = asio::generic::stream_protocol::endpoint;

asio::awaitable<Result<Stream>> connect_to(Place place, std::string name, Deadline deadline)
{
    Socket socket(co_await asio::this_coro::executor);
    boost::system::error_code failed;
    bool expired = false;
    socket.open(place.protocol(), failed);
    if (!failed) {
        Watch watch(socket);
        watch.arm(deadline);
        std::tie(failed) = co_await socket.async_connect(place, asio::as_tuple(asio::use_awaitable));
        expired = watch.disarm();
    }
    if (failed)
        co_return fault(Retry::later, "can't connect: " + (expired ? "timed out" : failed.message()))
            .tell_peer(51, {4, 1}, "The next mail server can't be reached")
            .about(std::move(name));
    co_return Stream(std::move(socket));
}

asio::ip::tcp::endpoint to_tcp(const vocabulary::Ip& ip, std::uint16_t port)
{
    if (!ip.is_v4()) return {asio::ip::address_v6(ip.bytes), port};
    asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(ip.bytes.begin() + 12, 4, bytes.begin());
    return {asio::ip::address_v4(bytes), port};
}

}  // namespace

asio::awaitable<Result<Stream>> connect(vocabulary::Ip ip, std::uint16_t port, Deadline deadline)
{
    return connect_to(Place(to_tcp(ip, port)), fmt::format("[{}]:{}", vocabulary::print_ip(ip), port), deadline);
}

asio::awaitable<Result<Stream>> connect(std::string path, Deadline deadline)
{
    std::optional<asio::local::stream_protocol::endpoint> place;
    try {
        place.emplace(path);
    } catch (const boost::system::system_error&) {
        co_return fault(Retry::later, "the path is too long for a local socket").about(path);
    }
    co_return co_await connect_to(Place(*place), path, deadline);
}

std::string describe(const Endpoint& endpoint)
{
    if (!endpoint.unix_socket.empty()) return endpoint.unix_socket;
    return fmt::format("{} [{}]:{}", endpoint.host, vocabulary::print_ip(endpoint.ip), endpoint.port);
}

}  // namespace postern::net
