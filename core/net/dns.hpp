// Look-ups in the DNS, validated, with three answers: found, absent, unavailable.
//
// One resolver for the engine, awaitable from any reactor; the coroutine goes on on its own thread. Unavailable
// (no answer, SERVFAIL, failed validation, over 10 seconds) is a Fault (later, 4.4.3) and never looks like absent.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "net/stream.hpp"
#include "vocabulary/units.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

namespace postern::net {

/// What the DNS holds for a question. No records: there are none, as the zone itself says.
template <class Record>
struct Answer {
    std::vector<Record> records;
    bool secure = false;  ///< proved by DNSSEC, the absence of records too
};

struct MxRecord {
    std::uint16_t preference = 0;
    std::string host;  ///< lower case, no trailing dot; empty: the null MX "." (RFC 7505)
};

struct DnsOptions {
    std::vector<std::string> servers;  ///< "192.0.2.53", "127.0.0.1@5353"; empty: those of /etc/resolv.conf
    std::string trust_anchor;          ///< root key file; empty: the system's, if it has one; "none": no validation
    std::string hosts_file = "/etc/hosts";        ///< empty: none
    Duration deadline{std::chrono::seconds{10}};  ///< for one question, all its retries included
};

/// The interface, so that tests can answer for the DNS.
class Dns {
public:
    template <class Record>
    using Asked = boost::asio::awaitable<Result<Answer<Record>>>;

    virtual ~Dns() = default;
    /// As the zone lists them, in no particular order.
    [[nodiscard]] virtual Asked<MxRecord> mx(std::string name) = 0;
    /// A and AAAA, IPv6 first. An address as the name is answered as it is; the hosts file comes before the DNS.
    /// If only one of the two can be had, that is the answer; secure only if both are.
    [[nodiscard]] virtual Asked<vocabulary::Ip> addresses(std::string name) = 0;
    /// TLSA of _port._tcp.host (RFC 6698).
    [[nodiscard]] virtual Asked<Tlsa> tlsa(std::uint16_t port, std::string host) = 0;
};

/// A resolver over libunbound, with a thread of its own for queries; `io` only waits for their ends. `io` must
/// outlive it. Fault (never): a server that is no address, an unreadable trust anchor.
[[nodiscard]] Result<std::unique_ptr<Dns>> open_dns(boost::asio::io_context& io, const DnsOptions& options);

}  // namespace postern::net
