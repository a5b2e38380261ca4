// Look-ups against a small name server in the test process.
#include "net/dns.hpp"
#include "base/text.hpp"
#include "certificates.hpp"
#include "running.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>
#include <atomic>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <map>
#include <thread>

using namespace postern;
using namespace postern::testing;
using namespace std::chrono_literals;

namespace {

std::string wire_name(std::string_view name)
{
    std::string wire;
    while (!name.empty()) {
        const auto dot = std::min(name.find('.'), name.size());
        wire += static_cast<char>(dot);
        wire += name.substr(0, dot);
        name.remove_prefix(std::min(dot + 1, name.size()));
    }
    return wire + '\0';
}

std::string two_bytes(unsigned value)
{
    return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

/// Answers over UDP from a table; what it does not know does not exist.
class NameServer {
public:
    static constexpr int nxdomain = 3;
    static constexpr int servfail = 2;
    static constexpr int silent = -1;

    NameServer()
    {
        fd_ = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in place{};
        place.sin_family = AF_INET;
        place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof place;
        ::bind(fd_, reinterpret_cast<const sockaddr*>(&place), size);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&place), &size);
        port_ = ntohs(place.sin_port);
    }
    ~NameServer()
    {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        ::close(fd_);
    }
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    void record(const std::string& name, unsigned type, std::string data)
    {
        records_[{name, type}].push_back(std::move(data));
    }
    void code(const std::string& name, int rcode) { codes_[name] = rcode; }
    /// The table must be complete.
    std::string start()
    {
        thread_ = std::thread([this] { serve(); });
        return fmt::format("127.0.0.1@{}", port_);
    }
    [[nodiscard]] int asked() const { return asked_; }

private:
    void serve()
    {
        while (!stop_) {
            pollfd ready{fd_, POLLIN, 0};
            if (::poll(&ready, 1, 20) != 1) continue;
            sockaddr_in from{};
            socklen_t size = sizeof from;
            char buffer[1500];
            const ssize_t got = ::recvfrom(fd_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 17) continue;
            ++asked_;
            const std::string reply = answer({buffer, static_cast<std::size_t>(got)});
            if (!reply.empty())
                ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
        }
    }

    std::string answer(const std::string& query)
    {
        std::size_t at = 12;
        std::string name;
        while (query.at(at) != 0) {
            const auto length = static_cast<unsigned char>(query[at]);
            name += (name.empty() ? "" : ".") + to_lower(query.substr(at + 1, length));
            at += length + 1U;
        }
        const unsigned type = static_cast<unsigned char>(query.at(at + 2));
        const std::string question = query.substr(12, at + 5 - 12);
        const bool known = std::ranges::any_of(records_, [&](const auto& entry) { return entry.first.first == name; });
        const auto coded = codes_.find(name);
        const int rcode = coded != codes_.end() ? coded->second : known ? 0 : nxdomain;
        if (rcode == silent) return {};
        std::string answers;
        const auto found = records_.find({name, type});
        const std::size_t count = rcode == 0 && found != records_.end() ? found->second.size() : 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string& data = found->second[i];
            answers += "\xC0\x0C" + two_bytes(type) + two_bytes(1) + two_bytes(0) + two_bytes(60) +
                       two_bytes(static_cast<unsigned>(data.size())) + data;
        }
        return query.substr(0, 2) + two_bytes(0x8180U | static_cast<unsigned>(rcode)) + two_bytes(1) +
               two_bytes(static_cast<unsigned>(count)) + two_bytes(0) + two_bytes(0) + question + answers;
    }

    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::map<std::pair<std::string, unsigned>, std::vector<std::string>> records_;
    std::map<std::string, int> codes_;
    std::thread thread_;
    std::atomic<bool> stop_ = false;
    std::atomic<int> asked_ = 0;
};

constexpr unsigned a = 1;
constexpr unsigned mx = 15;
constexpr unsigned aaaa = 28;
constexpr unsigned tlsa = 52;

std::unique_ptr<net::Dns> open(Running& running, const std::string& server, Duration deadline = 10s,
                               std::string hosts = {})
{
    auto dns = net::open_dns(running.io, {{server}, "none", std::move(hosts), deadline});
    INFO((dns ? std::string() : dns.error().describe()));
    REQUIRE(dns);
    return std::move(*dns);
}

}  // namespace

TEST_CASE("MX, addresses and TLSA come as the zone has them")
{
    NameServer server;
    server.record("member.example", mx, two_bytes(20) + wire_name("Second.Member.example"));
    server.record("member.example", mx, two_bytes(10) + wire_name("first.member.example"));
    server.record("null.example", mx, two_bytes(0) + wire_name(""));
    server.record("first.member.example", a, std::string("\xC0\x00\x02\x01", 4));
    server.record("first.member.example", aaaa, std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16));
    server.record("_25._tcp.first.member.example", tlsa, std::string("\x03\x01\x01", 3) + std::string(32, 'h'));
    Running running;
    const auto dns = open(running, server.start());
    running.spawn([&]() -> Async<void> {
        const auto exchangers = co_await dns->mx("member.example");
        REQUIRE(exchangers);
        REQUIRE(exchangers->records.size() == 2);
        REQUIRE_FALSE(exchangers->secure);
        for (const auto& record : exchangers->records)
            REQUIRE(record.host == (record.preference == 10 ? "first.member.example" : "second.member.example"));

        const auto null = co_await dns->mx("null.example");
        REQUIRE(null);
        REQUIRE(null->records.at(0).host.empty());

        const auto addresses = co_await dns->addresses("first.member.example");
        REQUIRE(addresses);
        REQUIRE(addresses->records ==
                std::vector{*vocabulary::parse_ip("2001:db8::7"), *vocabulary::parse_ip("192.0.2.1")});

        const auto proofs = co_await dns->tlsa(25, "first.member.example");
        REQUIRE(proofs);
        REQUIRE(proofs->records == std::vector<net::Tlsa>{{3, 1, 1, std::string(32, 'h')}});
    });
    running.run();
}

TEST_CASE("what the zone says is not there is absent: no records, and no fault")
{
    NameServer server;
    server.record("member.example", a, std::string("\xC0\x00\x02\x01", 4));
    Running running;
    const auto dns = open(running, server.start());
    running.spawn([&]() -> Async<void> {
        const auto no_data = co_await dns->mx("member.example");
        REQUIRE(no_data);
        REQUIRE(no_data->records.empty());
        const auto no_name = co_await dns->addresses("nobody.example");
        REQUIRE(no_name);
        REQUIRE(no_name->records.empty());
        const auto one_family = co_await dns->addresses("member.example");
        REQUIRE(one_family);
        REQUIRE(one_family->records.size() == 1);
    });
    running.run();
}

TEST_CASE("a failing or silent resolver is unavailable, to be tried again later, never absent")
{
    NameServer server;
    server.code("broken.example", NameServer::servfail);
    server.code("silent.example", NameServer::silent);
    Running running;
    const auto dns = open(running, server.start(), 1s);
    running.spawn([&]() -> Async<void> {
        const auto broken = co_await dns->mx("broken.example");
        REQUIRE_FALSE(broken);
        REQUIRE(broken.error().retry() == Retry::later);
        REQUIRE(broken.error().peer().status == Status{4, 3});
        const auto begun = std::chrono::steady_clock::now();
        const auto silent = co_await dns->addresses("silent.example");
        REQUIRE_FALSE(silent);
        REQUIRE(std::chrono::steady_clock::now() - begun < 3s);
    });
    running.run();
}

TEST_CASE("an address needs no question, and the hosts file comes before the DNS")
{
    const Folder folder;
    std::ofstream(folder.file("hosts")) << "127.0.0.1 localhost\n198.51.100.9 desk.member.example desk\n";
    NameServer server;
    Running running;
    const auto dns = open(running, server.start(), 10s, folder.file("hosts"));
    running.spawn([&]() -> Async<void> {
        const auto literal = co_await dns->addresses("192.0.2.7");
        REQUIRE(literal->records == std::vector{*vocabulary::parse_ip("192.0.2.7")});
        const auto desk = co_await dns->addresses("desk.member.example");
        REQUIRE(desk);
        REQUIRE(desk->records == std::vector{*vocabulary::parse_ip("198.51.100.9")});
        const auto local = co_await dns->addresses("localhost");
        REQUIRE(local);
        REQUIRE_FALSE(local->records.empty());
        REQUIRE(local->records.front().is_loopback());
    });
    running.run();
    REQUIRE(server.asked() == 0);
}

TEST_CASE("many questions at one time are all answered, on the thread that asked")
{
    NameServer server;
    for (int i = 0; i < 200; ++i)
        server.record(fmt::format("h{}.example", i), a, std::string("\xC0\x00\x02", 3) + static_cast<char>(i));
    Running running;
    const auto dns = open(running, server.start());
    const auto here = std::this_thread::get_id();
    int answered = 0;
    for (int i = 0; i < 200; ++i)
        running.spawn([&, i]() -> Async<void> {
            const auto found = co_await dns->addresses(fmt::format("h{}.example", i));
            REQUIRE(std::this_thread::get_id() == here);
            REQUIRE(found);
            REQUIRE(found->records.at(0).bytes[15] == i);
            ++answered;
        });
    running.run();
    REQUIRE(answered == 200);
}

TEST_CASE("a resolver that ends with questions open leaves nothing behind")
{
    NameServer server;
    server.code("silent.example", NameServer::silent);
    Running running;
    auto dns = open(running, server.start(), 100ms);
    running.spawn([&]() -> Async<void> { REQUIRE_AWAIT_FALSE(dns->mx("silent.example")); });
    running.run();
    dns.reset();
}

TEST_CASE("a server that is no address, or a missing trust anchor, is told at the start")
{
    Running running;
    REQUIRE_FALSE(net::open_dns(running.io, {{"not an address"}, "none", {}, 1s}));
    const auto anchor = net::open_dns(running.io, {{}, "/nowhere/root.key", {}, 1s});
    REQUIRE_FALSE(anchor);
    REQUIRE(anchor.error().describe().find("/nowhere/root.key") != std::string::npos);
}
