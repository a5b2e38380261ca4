#include "net/named_server.hpp"

namespace postern::net {

boost::asio::awaitable<Result<Stream>> connect(Dns& dns, vocabulary::HostPort server, Deadline deadline)
{
    auto found = co_await dns.addresses(server.host);
    if (!found) co_return std::unexpected(found.error());
    Result<Stream> stream = std::unexpected(Fault(fault(Retry::later, "has no address").about(server.host)));
    for (const auto& ip : found->records) {
        stream = co_await connect(ip, server.port, deadline);
        if (stream) break;
    }
    co_return stream;
}

}  // namespace postern::net
