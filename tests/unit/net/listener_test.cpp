// Listening sockets and reactors.
#include "net/listener.hpp"
#include "net/reactors.hpp"
#include "running.hpp"

#include <sys/resource.h>
#include <unistd.h>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <future>
#include <mutex>
#include <set>

using namespace postern;
using namespace postern::testing;
using namespace std::chrono_literals;

namespace {

/// Connects `count` times and returns what each connection is greeted with.
std::multiset<std::string> greetings(std::uint16_t port, int count)
{
    std::multiset<std::string> all;
    Running running;
    running.spawn([&]() -> Async<void> {
        for (int i = 0; i < count; ++i) {
            auto stream = co_await net::connect(*vocabulary::parse_ip("127.0.0.1"), port, soon());
            REQUIRE(stream);
            all.insert(co_await read_all(*stream, 1));
        }
    });
    running.run();
    return all;
}

/// Writes the reactor's number (or `word`) on each connection and closes it.
net::AcceptHandler greet_with(std::string word = {})
{
    return [word](net::Socket socket, std::size_t index, net::Peer peer) {
        // On a reactor's thread, where Catch's assertions may not be used: what is wrong is said to the client.
        const bool known = peer.ip.is_loopback() && peer.port != 0;
        const std::string text = !known ? "whose connection is it?" : word.empty() ? std::to_string(index) : word;
        (void)!::write(socket.native_handle(), text.data(), text.size());
    };
}

}  // namespace

TEST_CASE("connections are dealt out to the reactors in turn, each on its own thread")
{
    net::Reactors reactors(2);
    reactors.start();
    auto listener = net::Listener::bind({"127.0.0.1", 0});
    REQUIRE(listener);
    (*listener)->start(reactors, greet_with());
    REQUIRE(greetings((*listener)->port(), 6) == std::multiset<std::string>{"0", "0", "0", "1", "1", "1"});
}

TEST_CASE("a port is bound, and keeps connections waiting, before anything is started")
{
    net::Reactors reactors(1);
    auto listener = net::Listener::bind({"127.0.0.1", 0});
    REQUIRE(listener);
    const auto again = net::Listener::bind({"127.0.0.1", (*listener)->port()});
    REQUIRE_FALSE(again);
    REQUIRE(again.error().describe().find("in use") != std::string::npos);

    auto greeted = std::async(std::launch::async, [&] { return greetings((*listener)->port(), 1); });
    std::this_thread::sleep_for(50ms);
    reactors.start();
    (*listener)->start(reactors, greet_with("late"));
    const auto words = greeted.get();
    REQUIRE(words == std::multiset<std::string>{"late"});
}

TEST_CASE("a replaced handler takes the next connection")
{
    net::Reactors reactors(1);
    reactors.start();
    auto listener = net::Listener::bind({"127.0.0.1", 0});
    (*listener)->start(reactors, greet_with("old"));
    REQUIRE(greetings((*listener)->port(), 1).count("old") == 1);
    (*listener)->replace(greet_with("new"));
    REQUIRE(greetings((*listener)->port(), 1).count("new") == 1);
}

TEST_CASE("a stopped listener leaves its connections alone and its port free")
{
    net::Reactors reactors(1);
    reactors.start();
    auto listener = net::Listener::bind({"127.0.0.1", 0});
    const std::uint16_t port = (*listener)->port();
    std::promise<net::Socket> accepted;
    (*listener)->start(reactors,
                       [&](net::Socket socket, std::size_t, net::Peer) { accepted.set_value(std::move(socket)); });
    Running running;
    running.spawn([&]() -> Async<void> {
        auto stream = co_await net::connect(*vocabulary::parse_ip("127.0.0.1"), port, soon());
        REQUIRE(stream);
        net::Socket socket = accepted.get_future().get();
        listener->reset();
        for (int i = 0; i < 100 && co_await net::connect(*vocabulary::parse_ip("127.0.0.1"), port, soon()); ++i)
            std::this_thread::sleep_for(10ms);
        REQUIRE_AWAIT_FALSE(net::connect(*vocabulary::parse_ip("127.0.0.1"), port, soon()));
        REQUIRE(::write(socket.native_handle(), "hello", 5) == 5);
        const std::string heard = co_await read_all(*stream, 5);
        REQUIRE(heard == "hello");
    });
    running.run();
    REQUIRE(net::Listener::bind({"127.0.0.1", port}));
}

TEST_CASE("a listener that runs out of descriptors goes on when there are some again")
{
    net::Reactors reactors(1);
    reactors.start();
    auto listener = net::Listener::bind({"127.0.0.1", 0});
    (*listener)->start(reactors, greet_with("served"));
    REQUIRE(greetings((*listener)->port(), 1).size() == 1);

    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    Running running;
    running.spawn([&]() -> Async<void> {
        net::Socket socket(running.io, boost::asio::generic::stream_protocol(AF_INET, 0));
        const rlimit none{static_cast<rlim_t>(socket.native_handle()) + 1, before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
        boost::asio::ip::tcp::endpoint place(boost::asio::ip::address_v4::loopback(), (*listener)->port());
        socket.connect(place);
        std::this_thread::sleep_for(150ms);
        ::setrlimit(RLIMIT_NOFILE, &before);
        net::Stream stream(std::move(socket));
        const std::string heard = co_await read_all(stream, 6);
        REQUIRE(heard == "served");
    });
    running.run();
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("IPv6 listens too, and a name is no listener's address")
{
    if (auto v6 = net::Listener::bind({"::1", 0}); v6) REQUIRE((*v6)->port() != 0);
    const auto name = net::Listener::bind({"localhost", 25});
    REQUIRE_FALSE(name);
    REQUIRE(name.error().describe().find("localhost:25") != std::string::npos);
}

TEST_CASE("work posted to all reactors runs once on each")
{
    net::Reactors reactors(3);
    std::mutex mutex;
    std::set<std::size_t> seen;
    std::set<std::thread::id> threads;
    std::promise<void> all;
    reactors.start();
    reactors.post_to_all([&](std::size_t index) {
        const std::lock_guard lock(mutex);
        seen.insert(index);
        threads.insert(std::this_thread::get_id());
        if (seen.size() == 3) all.set_value();
    });
    all.get_future().get();
    REQUIRE(threads.size() == 3);
}
