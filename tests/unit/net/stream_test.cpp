// Streams in clear text: reading, writing, ends, deadlines.
#include "net/stream.hpp"
#include "certificates.hpp"
#include "running.hpp"

#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

using namespace postern;
using namespace postern::testing;
using namespace std::chrono_literals;
using Trouble = net::Stream::Trouble;

TEST_CASE("what one end writes in pieces the other reads in order")
{
    Running running;
    Pair pair(running.io);
    const std::string big(3'000'000, 'x');
    std::string got;
    running.spawn([&]() -> Async<void> {
        const std::array<std::string_view, 5> pieces{"first ", "", "second ", big, "last"};
        REQUIRE_AWAIT(pair.client.write(pieces, soon()));
        co_await pair.client.shutdown(soon());
    });
    running.spawn([&]() -> Async<void> { got = co_await read_all(pair.server, 1 << 30); });
    running.run();
    const bool same = got == "first second " + big + "last";  // too long to be shown
    REQUIRE(got.size() == big.size() + 17);
    REQUIRE(same);
}

TEST_CASE("more pieces than one system call takes arrive in order")
{
    Running running;
    Pair pair(running.io);
    std::vector<std::string> texts;
    std::string expected;
    for (int i = 0; i < 1000; ++i) expected += texts.emplace_back(std::to_string(i));
    const std::vector<std::string_view> pieces(texts.begin(), texts.end());
    std::string got;
    running.spawn([&]() -> Async<void> { REQUIRE_AWAIT(pair.client.write(pieces, soon())); });
    running.spawn([&]() -> Async<void> { got = co_await read_all(pair.server, expected.size()); });
    running.run();
    REQUIRE(got == expected);
}

TEST_CASE("a peer that closes in order is the end, not a fault")
{
    Running running;
    Pair pair(running.io);
    pair.client.close();
    running.spawn([&]() -> Async<void> {
        char byte = 0;
        REQUIRE_AWAIT(pair.server.wait_readable(soon()));
        const auto got = co_await pair.server.read_some(&byte, 1, soon());
        REQUIRE(got);
        REQUIRE(*got == 0);
        REQUIRE(pair.server.trouble() == Trouble::none);
    });
    running.run();
}

TEST_CASE("writing to a peer that is gone is a fault and no signal")
{
    Running running;
    Pair pair(running.io);
    pair.client.close();
    running.spawn([&]() -> Async<void> {
        const auto written = co_await pair.server.write("hello", soon());
        REQUIRE_FALSE(written);
        REQUIRE(written.error().retry() == Retry::later);
        REQUIRE(pair.server.trouble() == Trouble::closed);
    });
    running.run();
}

TEST_CASE("a read whose deadline passes times out, and not much later")
{
    Running running;
    Pair pair(running.io);
    const auto begun = std::chrono::steady_clock::now();
    running.spawn([&]() -> Async<void> {
        char byte = 0;
        const auto got = co_await pair.server.read_some(&byte, 1, net::after(50ms));
        REQUIRE_FALSE(got);
        REQUIRE(pair.server.trouble() == Trouble::timed_out);
    });
    running.run();
    const auto took = std::chrono::steady_clock::now() - begun;
    REQUIRE(took >= 50ms);
    REQUIRE(took < 5s);
}

TEST_CASE("a shorter deadline after a longer one is kept, and a longer one after a shorter")
{
    Running running;
    Pair pair(running.io);
    running.spawn([&]() -> Async<void> {
        char byte = 0;
        REQUIRE_AWAIT(pair.client.write("abc", soon()));
        REQUIRE_AWAIT(pair.server.read_some(&byte, 1, net::after(1h)));
        REQUIRE_AWAIT(pair.server.wait_readable(net::after(1h)));  // arms the timer for an hour
        REQUIRE_AWAIT(pair.server.read_some(&byte, 1, net::after(1h)));
        REQUIRE_AWAIT(pair.server.read_some(&byte, 1, net::after(1h)));
        REQUIRE_AWAIT_FALSE(pair.server.wait_readable(net::after(30ms)));
        REQUIRE(pair.server.trouble() == Trouble::timed_out);
    });
    running.spawn([&]() -> Async<void> {
        char byte = 0;
        boost::asio::steady_timer pause(running.io, 200ms);
        REQUIRE_AWAIT_FALSE(pair.client.read_some(&byte, 1, net::after(20ms)));
        co_await pause.async_wait(boost::asio::use_awaitable);
        REQUIRE_AWAIT_FALSE(pair.client.read_some(&byte, 1, net::after(20ms)));
    });
    running.run();
}

TEST_CASE("a timer that fires early sleeps on until the deadline in force")
{
    Running running;
    Pair pair(running.io);
    running.spawn([&]() -> Async<void> {
        char byte = 0;
        REQUIRE_AWAIT(pair.server.read_some(&byte, 1, net::after(500ms)));  // arrives in time
        const auto begun = std::chrono::steady_clock::now();
        REQUIRE_AWAIT_FALSE(pair.server.read_some(&byte, 1, net::after(800ms)));
        REQUIRE(std::chrono::steady_clock::now() - begun >= 790ms);
    });
    running.spawn([&]() -> Async<void> {
        boost::asio::steady_timer pause(running.io, 20ms);
        co_await pause.async_wait(boost::asio::use_awaitable);
        REQUIRE_AWAIT(pair.client.write("x", soon()));
    });
    running.run();
}

TEST_CASE("a write that nobody reads times out")
{
    Running running;
    Pair pair(running.io);
    const std::string big(8'000'000, 'x');
    running.spawn([&]() -> Async<void> {
        REQUIRE_AWAIT_FALSE(pair.client.write(big, net::after(50ms)));
        REQUIRE(pair.client.trouble() == Trouble::timed_out);
    });
    running.run();
}

TEST_CASE("a cancelled read says so")
{
    Running running;
    Pair pair(running.io);
    running.spawn([&]() -> Async<void> {
        char byte = 0;
        REQUIRE_AWAIT_FALSE(pair.server.read_some(&byte, 1, soon()));
        REQUIRE(pair.server.trouble() == Trouble::cancelled);
    });
    running.spawn([&]() -> Async<void> {
        pair.server.cancel();
        co_return;
    });
    running.run();
}

TEST_CASE("whether something can be read is told without reading it")
{
    Running running;
    Pair pair(running.io);
    REQUIRE_FALSE(pair.server.readable_now());
    running.spawn([&]() -> Async<void> {
        REQUIRE_AWAIT(pair.client.write("x", soon()));
        REQUIRE(pair.server.readable_now());
        char byte = 0;
        REQUIRE_AWAIT(pair.server.read_some(&byte, 1, soon()));
        REQUIRE_FALSE(pair.server.readable_now());
        pair.client.close();
        REQUIRE(pair.server.readable_now());
    });
    running.run();
}

TEST_CASE("a local socket is connected to by its path, and a missing one is a fault that names it")
{
    Running running;
    const Folder folder;
    const std::string path = folder.file("lmtp");
    const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    path.copy(place.sun_path, sizeof place.sun_path - 1);
    REQUIRE(::bind(listening, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0);
    REQUIRE(::listen(listening, 5) == 0);
    running.spawn([&]() -> Async<void> {
        const auto stream = co_await net::connect(path, soon());
        REQUIRE(stream);
        const auto missing = co_await net::connect(folder.file("nothing"), soon());
        REQUIRE_FALSE(missing);
        REQUIRE(missing.error().describe().find("nothing") != std::string::npos);
        const auto too_long = co_await net::connect(std::string(300, 'x'), soon());
        REQUIRE_FALSE(too_long);
    });
    running.run();
    ::close(listening);
}

TEST_CASE("a refused connection is a fault to try again later")
{
    Running running;
    running.spawn([&]() -> Async<void> {
        const auto stream = co_await net::connect(*vocabulary::parse_ip("127.0.0.1"), 1, soon());
        REQUIRE_FALSE(stream);
        REQUIRE(stream.error().retry() == Retry::later);
        REQUIRE(stream.error().describe().find("[127.0.0.1]:1") != std::string::npos);
    });
    running.run();
}
