// A connection to a server that is known by its name.
#pragma once

#include "net/dns.hpp"
#include "net/stream.hpp"

namespace postern::net {

/// To the first of its addresses that answers; the deadline is for all of them. On the caller's thread. Fault: the
/// name's, or that of the last address.
[[nodiscard]] boost::asio::awaitable<Result<Stream>> connect(Dns& dns, vocabulary::HostPort server, Deadline deadline);

}  // namespace postern::net
