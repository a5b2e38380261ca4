// From a declared next hop to endpoints, with the DNS answered by a table.
#include "route/resolve.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>

using namespace postern;
using vocabulary::HopTls;
using vocabulary::NextHop;

namespace {

vocabulary::Ip ip(std::string_view text)
{
    return *vocabulary::parse_ip(text);
}

/// What is not in a table is absent; what is in `unavailable` can't be asked.
struct TableDns final : net::Dns {
    std::map<std::string, net::Answer<net::MxRecord>> mx_table;
    std::map<std::string, net::Answer<vocabulary::Ip>> address_table;
    std::map<std::string, net::Answer<net::Tlsa>> tlsa_table;
    std::set<std::string> unavailable;

    template <class Record>
    Result<net::Answer<Record>> look_up(const std::map<std::string, net::Answer<Record>>& table,
                                        const std::string& name)
    {
        if (unavailable.contains(name))
            return fault(Retry::later, "no answer").tell_peer(51, {4, 3}, "DNS is not available");
        const auto found = table.find(name);
        return found == table.end() ? net::Answer<Record>{} : found->second;
    }
    Asked<net::MxRecord> mx(std::string name) override { co_return look_up(mx_table, name); }
    Asked<vocabulary::Ip> addresses(std::string name) override { co_return look_up(address_table, name); }
    Asked<net::Tlsa> tlsa(std::uint16_t port, std::string host) override
    {
        co_return look_up(tlsa_table, std::to_string(port) + " " + host);
    }
};

Result<std::vector<net::Endpoint>> resolve(const NextHop& hop, net::Dns& dns)
{
    boost::asio::io_context io;
    std::optional<Result<std::vector<net::Endpoint>>> result;
    boost::asio::co_spawn(io, route::resolve(hop, dns),
                          [&](std::exception_ptr, Result<std::vector<net::Endpoint>> got) { result = std::move(got); });
    io.run();
    REQUIRE(result.has_value());
    return *result;
}

std::vector<std::string> described(const Result<std::vector<net::Endpoint>>& endpoints)
{
    REQUIRE(endpoints);
    std::vector<std::string> texts;
    for (const auto& endpoint : *endpoints) texts.push_back(net::describe(endpoint));
    return texts;
}

using Texts = std::vector<std::string>;

NextHop hop_to(std::vector<vocabulary::HostPort> hosts)
{
    NextHop hop;
    hop.name = "organisation:greenstone";
    hop.hosts = std::move(hosts);
    return hop;
}

NextHop hop_by_mx(HopTls tls = HopTls::verify)
{
    NextHop hop;
    hop.name = "organisation:greenstone";
    hop.mx_domain = "member.example";
    hop.tls = tls;
    return hop;
}

}  // namespace

TEST_CASE("declared hosts come in their order, each with its addresses, the families alternating")
{
    TableDns dns;
    dns.address_table["a.example"] = {{ip("2001:db8::1"), ip("2001:db8::2"), ip("192.0.2.1"), ip("192.0.2.2")}, false};
    dns.address_table["b.example"] = {{ip("192.0.2.3")}, false};
    REQUIRE(described(resolve(hop_to({{"a.example", 25}, {"b.example", 2525}}), dns)) ==
            Texts{"a.example [2001:db8::1]:25", "a.example [192.0.2.1]:25", "a.example [2001:db8::2]:25",
                  "a.example [192.0.2.2]:25", "b.example [192.0.2.3]:2525"});
}

TEST_CASE("a host that can't be found is passed over while another remains")
{
    TableDns dns;
    dns.unavailable = {"a.example"};
    dns.address_table["b.example"] = {{ip("192.0.2.3")}, false};
    REQUIRE(described(resolve(hop_to({{"a.example", 25}, {"b.example", 25}}), dns)) ==
            Texts{"b.example [192.0.2.3]:25"});
}

TEST_CASE("an unavailable DNS defers, and a host without address too")
{
    TableDns dns;
    dns.unavailable = {"a.example", "member.example"};
    for (const auto& hop : {hop_to({{"a.example", 25}}), hop_by_mx()}) {
        const auto endpoints = resolve(hop, dns);
        REQUIRE_FALSE(endpoints);
        REQUIRE(endpoints.error().retry() == Retry::later);
        REQUIRE(endpoints.error().peer().status == Status{4, 3});
    }
    const auto nowhere = resolve(hop_to({{"nowhere.example", 25}}), dns);
    REQUIRE_FALSE(nowhere);
    REQUIRE(nowhere.error().retry() == Retry::later);
    REQUIRE(nowhere.error().peer().status == Status{4, 4});
}

TEST_CASE("MX go by preference")
{
    TableDns dns;
    dns.mx_table["member.example"] = {{{20, "b.example"}, {10, "a.example"}, {30, "c.example"}}, false};
    dns.address_table["a.example"] = {{ip("192.0.2.1")}, false};
    dns.address_table["b.example"] = {{ip("192.0.2.2")}, false};
    dns.address_table["c.example"] = {{ip("192.0.2.3")}, false};
    REQUIRE(described(resolve(hop_by_mx(), dns)) ==
            Texts{"a.example [192.0.2.1]:25", "b.example [192.0.2.2]:25", "c.example [192.0.2.3]:25"});
}

TEST_CASE("MX of equal preference share the load")
{
    TableDns dns;
    dns.mx_table["member.example"] = {{{10, "a.example"}, {10, "b.example"}}, false};
    dns.address_table["a.example"] = {{ip("192.0.2.1")}, false};
    dns.address_table["b.example"] = {{ip("192.0.2.2")}, false};
    std::set<std::string> firsts;
    for (int i = 0; i < 100; ++i) firsts.insert(described(resolve(hop_by_mx(), dns)).front());
    REQUIRE(firsts.size() == 2);
}

TEST_CASE("without MX the domain itself is the mail server")
{
    TableDns dns;
    dns.address_table["member.example"] = {{ip("192.0.2.9")}, false};
    REQUIRE(described(resolve(hop_by_mx(), dns)) == Texts{"member.example [192.0.2.9]:25"});
}

TEST_CASE("a null MX is final: the domain accepts no mail")
{
    TableDns dns;
    dns.mx_table["member.example"] = {{{0, ""}}, false};
    const auto endpoints = resolve(hop_by_mx(), dns);
    REQUIRE_FALSE(endpoints);
    REQUIRE(endpoints.error().retry() == Retry::never);
    REQUIRE(endpoints.error().peer().status == Status{1, 10});
}

TEST_CASE("DANE needs secure MX and secure, usable TLSA; otherwise mail waits")
{
    const net::Tlsa usable{3, 1, 1, std::string(32, 'h')};
    TableDns dns;
    dns.mx_table["member.example"] = {{{10, "a.example"}}, true};
    dns.address_table["a.example"] = {{ip("192.0.2.1")}, false};
    dns.tlsa_table["25 a.example"] = {{{1, 1, 1, "x"}, usable}, true};
    const auto good = resolve(hop_by_mx(HopTls::dane), dns);
    REQUIRE(good);
    REQUIRE(good->front().tlsa == std::vector{usable});
    REQUIRE(good->front().mx_secure);

    const auto deferred = [&] {
        const auto endpoints = resolve(hop_by_mx(HopTls::dane), dns);
        return !endpoints && endpoints.error().retry() == Retry::later &&
               endpoints.error().peer().status == Status{7, 5};
    };
    dns.mx_table["member.example"].secure = false;
    REQUIRE(deferred());
    dns.mx_table["member.example"].secure = true;
    dns.tlsa_table["25 a.example"].secure = false;
    REQUIRE(deferred());
    dns.tlsa_table["25 a.example"] = {{{0, 1, 1, "x"}}, true};
    REQUIRE(deferred());
    dns.tlsa_table.clear();
    REQUIRE(deferred());
}

TEST_CASE("a local socket needs no look-up")
{
    TableDns dns;
    NextHop hop;
    hop.name = "mailboxes";
    hop.unix_socket = "/run/dovecot/lmtp";
    REQUIRE(described(resolve(hop, dns)) == Texts{"/run/dovecot/lmtp"});
}
