// Runs coroutines of a test on one thread until all are done, with a limit of wall time.
#pragma once

#include "net/stream.hpp"

#include <sys/socket.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <exception>
#include <string>
#include <utility>

/// REQUIRE for what is awaited: Catch's macro names its expression more than once, and g++ 12 awaits it as often.
#define REQUIRE_AWAIT(...)                                             \
    do {                                                               \
        const bool awaited_ = static_cast<bool>(co_await __VA_ARGS__); \
        REQUIRE(awaited_);                                             \
    } while (false)
#define REQUIRE_AWAIT_FALSE(...)                                       \
    do {                                                               \
        const bool awaited_ = static_cast<bool>(co_await __VA_ARGS__); \
        REQUIRE_FALSE(awaited_);                                       \
    } while (false)

namespace postern::testing {

template <class T>
using Async = boost::asio::awaitable<T>;

/// Spawn, then run(): rethrows what a coroutine threw.
class Running {
public:
    boost::asio::io_context io{1};

    template <class Coroutine>
    void spawn(Coroutine coroutine)
    {
        boost::asio::co_spawn(io, std::move(coroutine), [this](std::exception_ptr thrown) {
            if (thrown && !thrown_) thrown_ = thrown;
            ++ended_;
        });
        ++spawned_;
    }

    void run(std::chrono::seconds limit = std::chrono::seconds{20})
    {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        io.restart();
        while (ended_ < spawned_ && !thrown_ && io.run_one_until(deadline) > 0) {
        }
        if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
        REQUIRE(ended_ == spawned_);
    }

private:
    std::exception_ptr thrown_;
    int spawned_ = 0;
    int ended_ = 0;
};

/// Two ends of a local connection.
struct Pair {
    explicit Pair(boost::asio::io_context& io) : Pair(io, make()) {}
    net::Stream server;
    net::Stream client;

private:
    struct Descriptors {
        int first = -1;
        int second = -1;
    };
    static Descriptors make()
    {
        int both[2] = {-1, -1};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) != 0) std::terminate();
        return {both[0], both[1]};
    }
    static net::Socket take(boost::asio::io_context& io, int fd)
    {
        return {io, boost::asio::generic::stream_protocol(AF_UNIX, 0), fd};
    }
    Pair(boost::asio::io_context& io, Descriptors both) : server(take(io, both.first)), client(take(io, both.second)) {}
};

[[nodiscard]] inline net::Deadline soon()
{
    return net::after(std::chrono::seconds{10});
}

/// Reads until `size` bytes or the end.
inline Async<std::string> read_all(net::Stream& stream, std::size_t size)
{
    std::string text;
    std::string buffer(20'000, '\0');
    while (text.size() < size) {
        const auto got = co_await stream.read_some(buffer.data(), buffer.size(), soon());
        if (!got || *got == 0) break;
        text.append(buffer, 0, *got);
    }
    co_return text;
}

}  // namespace postern::testing
