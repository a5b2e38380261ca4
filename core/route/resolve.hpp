// From a declared next hop to the addresses to try, in order.
//
// Runs in the caller's coroutine. No state; the resolver caches.
#pragma once

#include "base/fault.hpp"
#include "net/dns.hpp"
#include "net/endpoint.hpp"
#include "vocabulary/next_hop.hpp"

#include <boost/asio/awaitable.hpp>
#include <vector>

namespace postern::route {

/// Declared hosts in their order, or the MX of the declared domain by preference (equal ones shuffled), or, where
/// there is no MX, the domain itself (RFC 5321 section 5.1); the addresses of one host alternate between IPv6 and
/// IPv4. Faults: null MX (never, 5.1.10, RFC 7505); the names exist nowhere, or a `dane` hop without usable, secure
/// TLSA records (later, 4.4.4, 4.7.5: declared hops are mended, not bounced); the DNS is unavailable (later, 4.4.3).
/// Never empty. `hop` must live until it returns.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<net::Endpoint>>> resolve(const vocabulary::NextHop& hop,
                                                                                 net::Dns& dns);

}  // namespace postern::route
