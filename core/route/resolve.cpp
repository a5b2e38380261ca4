#include "route/resolve.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <optional>
#include <random>

namespace postern::route {

namespace asio = boost::asio;

namespace {

using vocabulary::HopTls;
using vocabulary::NextHop;

constexpr std::uint16_t smtp_port = 25;
constexpr std::size_t most_hosts = 20;    // of one MX answer; more is a zone gone wrong
constexpr std::size_t most_per_host = 8;  // addresses of one host

/// A host to look for, and how sure its name is.
struct Candidate {
    std::string host;
    std::uint16_t port = smtp_port;
    bool name_secure = true;  ///< declared, or from a secure MX
    bool from_mx = false;
};

Fault nowhere(const NextHop& hop, std::string why)
{
    return fault(Retry::later, std::move(why))
        .tell_peer(51, {4, 4}, "The next mail server can't be found")
        .about(hop.name);
}

/// IPv6 and IPv4 in turn, so that a broken family costs one time-out and not one for each address.
std::vector<vocabulary::Ip> alternate(const std::vector<vocabulary::Ip>& ips)
{
    std::vector<vocabulary::Ip> v6;
    std::vector<vocabulary::Ip> v4;
    for (const auto& ip : ips) (ip.is_v4() ? v4 : v6).push_back(ip);
    std::vector<vocabulary::Ip> mixed;
    for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
        if (i < v6.size()) mixed.push_back(v6[i]);
        if (i < v4.size()) mixed.push_back(v4[i]);
    }
    if (mixed.size() > most_per_host) mixed.resize(most_per_host);
    return mixed;
}

bool is_usable(const net::Tlsa& record)
{
    return (record.usage == 2 || record.usage == 3) && record.selector <= 1 && record.matching <= 2;
}

/// By preference, equal ones in random order (RFC 5321 section 5.1).
std::vector<Candidate> order(net::Answer<net::MxRecord> answer)
{
    thread_local std::minstd_rand random{std::random_device{}()};
    std::ranges::shuffle(answer.records, random);
    std::ranges::stable_sort(answer.records, {}, &net::MxRecord::preference);
    std::vector<Candidate> hosts;
    for (const auto& record : answer.records)
        if (!record.host.empty() && hosts.size() < most_hosts)
            hosts.push_back({record.host, smtp_port, answer.secure, true});
    return hosts;
}

asio::awaitable<Result<std::vector<Candidate>>> find_hosts(const NextHop& hop, net::Dns& dns)
{
    std::vector<Candidate> hosts;
    if (hop.mx_domain.empty()) {
        for (const auto& declared : hop.hosts) hosts.push_back({declared.host, declared.port, true, false});
        co_return hosts;
    }
    auto answer = co_await dns.mx(hop.mx_domain);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->records.empty()) {  // the domain itself is its mail server
        hosts.push_back({hop.mx_domain, smtp_port, answer->secure, false});
        co_return hosts;
    }
    hosts = order(std::move(*answer));
    if (hosts.empty())
        co_return fault(Retry::never, fmt::format("{} accepts no mail (null MX)", hop.mx_domain))
            .tell_peer(56, {1, 10}, fmt::format("The domain {} accepts no mail", hop.mx_domain))
            .about(hop.name);
    co_return hosts;
}

/// The TLSA records that a `dane` hop proves itself by; a fault where DNSSEC or usable records are missing.
asio::awaitable<Result<std::vector<net::Tlsa>>> find_tlsa(const NextHop& hop, const Candidate& host, net::Dns& dns)
{
    const auto lacking = [&](std::string why) {
        return fault(Retry::later, std::move(why))
            .tell_peer(54, {7, 5}, "The next mail server could not prove its identity")
            .about(fmt::format("{} {}", hop.name, host.host));
    };
    if (!host.name_secure) co_return lacking("declared dane, but the MX records are not proved by DNSSEC");
    auto answer = co_await dns.tlsa(host.port, host.host);
    if (!answer) co_return std::unexpected(answer.error());
    if (!answer->secure) co_return lacking("declared dane, but its TLSA answer is not proved by DNSSEC");
    std::erase_if(answer->records, [](const net::Tlsa& record) { return !is_usable(record); });
    if (answer->records.empty()) co_return lacking("declared dane, but it has no usable TLSA record");
    co_return std::move(answer->records);
}

asio::awaitable<Result<std::vector<net::Endpoint>>> find_endpoints(const NextHop& hop, const Candidate& host,
                                                                   net::Dns& dns)
{
    std::vector<net::Endpoint> endpoints;
    auto answer = co_await dns.addresses(host.host);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->records.empty()) co_return std::unexpected(nowhere(hop, fmt::format("{} has no address", host.host)));
    net::Endpoint endpoint;
    endpoint.host = host.host;
    endpoint.port = host.port;
    endpoint.mx_secure = host.from_mx && host.name_secure;
    if (hop.tls == HopTls::dane) {
        auto tlsa = co_await find_tlsa(hop, host, dns);
        if (!tlsa) co_return std::unexpected(tlsa.error());
        endpoint.tlsa = std::move(*tlsa);
    }
    for (const auto& ip : alternate(answer->records)) {
        endpoint.ip = ip;
        endpoints.push_back(endpoint);
    }
    co_return endpoints;
}

}  // namespace

asio::awaitable<Result<std::vector<net::Endpoint>>> resolve(const NextHop& hop, net::Dns& dns)
{
    std::vector<net::Endpoint> endpoints;
    if (!hop.unix_socket.empty()) {
        endpoints.emplace_back().unix_socket = hop.unix_socket;
        co_return endpoints;
    }
    const auto hosts = co_await find_hosts(hop, dns);
    if (!hosts) co_return std::unexpected(hosts.error());

    // A host that fails is passed over while others remain; the first failure is told if none does.
    std::optional<Fault> failed;
    for (const Candidate& host : *hosts) {
        auto found = co_await find_endpoints(hop, host, dns);
        if (found)
            std::ranges::move(*found, std::back_inserter(endpoints));
        else if (!failed)
            failed = std::move(found.error());
    }
    if (!endpoints.empty()) co_return endpoints;
    co_return std::unexpected(failed ? std::move(*failed) : nowhere(hop, "no host is declared"));
}

}  // namespace postern::route
