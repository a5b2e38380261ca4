// From a declared next hop to the addresses to try, in order.
//
// Runs in the caller's coroutine. No state; the resolver caches.
#pragma once

#include "base/fault.hpp"
#include "net/dns.hpp"
#include "vocabulary/next_hop.hpp"

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

namespace postern::route {

/// One place where mail can be handed over.
struct Endpoint {
    std::string host;   ///< name as declared or from MX: for TLS and logs
    vocabulary::Ip ip;  ///< unused with a unix_socket
    std::uint16_t port = 0;
    std::string unix_socket;      ///< path; empty: TCP
    std::vector<net::Tlsa> tlsa;  ///< with HopTls::dane: at least one usable record, proved by DNSSEC
    bool mx_secure = false;       ///< the MX records that led here were proved by DNSSEC
};

/// "mail.greenstonechambers.co.uk [192.0.2.1]:25", or the path of a local socket.
[[nodiscard]] std::string describe(const Endpoint& endpoint);

/// Declared hosts in their order, or the MX of the declared domain by preference (equal ones shuffled), or, where
/// there is no MX, the domain itself (RFC 5321 section 5.1); the addresses of one host alternate between IPv6 and
/// IPv4. Faults: null MX (never, 5.1.10, RFC 7505); the names exist nowhere, or a `dane` hop without usable, secure
/// TLSA records (later, 4.4.4, 4.7.5: declared hops are mended, not bounced); the DNS is unavailable (later, 4.4.3).
/// Never empty. `hop` must live until it returns.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<Endpoint>>> resolve(const vocabulary::NextHop& hop,
                                                                            net::Dns& dns);

}  // namespace postern::route
