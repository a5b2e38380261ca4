// The HTTP side of the control protocol: requests and answers as values, and a server for a local socket and for the
// metrics' TCP port.
//
// Connections are coroutines on reactor 0. What a caller can take of the engine is bounded: connections, head and body
// of a request, and the time that each step has; on the metrics' port, where anybody on this machine may ask, to what
// one question needs. Who may connect to the local socket is decided by its permissions; the caller's user name comes
// from the kernel and goes on record.
#pragma once

#include "base/log.hpp"
#include "net/reactors.hpp"
#include "policy/powers.hpp"
#include "vocabulary/units.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace postern::control {

struct Request {
    std::string method;                        ///< "GET", "POST"
    std::string path;                          ///< "/v1/status", decoded
    std::map<std::string, std::string> query;  ///< decoded
    std::string body;
    std::string actor;        ///< user name of the caller, or the name in an administrator's certificate
    bool wants_text = false;  ///< Accept: text/plain
    bool owner = false;       ///< root, or the engine's own user, on this machine
    std::string acting_for;   ///< Postern-For: the person of the directory in whose name it is asked; may be empty
    bool from_afar = false;   ///< by mutual TLS, from another machine
    std::chrono::steady_clock::time_point connected{};  ///< from afar: when the connection was made
    policy::Caller caller{};  ///< who asks and their roles; filled in before any handler sees it
    std::string counts_as;    ///< whose consent it is where two must agree: never two of one person
};

/// The next piece of a body; empty: that was all. A fault ends the connection, so that nobody takes a part for the
/// whole.
using Pieces = std::function<boost::asio::awaitable<Result<std::string>>()>;

struct Response {
    unsigned status = 200;
    std::string type = "application/json";
    std::string body;
    Pieces pieces{};  ///< where set, instead of `body`: asked for one after the other, as fast as the peer takes them
    std::shared_ptr<void> then{};  ///< let go once the caller has the answer, or went away: ends what waits for that

    [[nodiscard]] static Response json(const boost::json::value& value, unsigned status = 200);
    [[nodiscard]] static Response text(std::string text, unsigned status = 200);
    /// {"error": text}, or the text itself for who wants text.
    [[nodiscard]] static Response error(unsigned status, const std::string& text, bool as_text = false);
};

using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

/// Largest body of a request, bytes.
inline constexpr std::uint64_t request_body_limit = std::uint64_t{64} << 20;
/// A request as it was parsed.
using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
[[nodiscard]] Request request_of(const HttpRequest& from, std::string actor, bool owner = false);
/// What the handler answers; 500 where it throws.
[[nodiscard]] boost::asio::awaitable<Response> answer(const Handler& handler, Request request, Log& log);

/// What callers of one listener can take.
struct HttpLimits {
    unsigned connections;  ///< at one time; who is too many is closed at once
    std::uint32_t header;  ///< bytes
    std::uint64_t body;    ///< bytes
    Duration request;      ///< from the first wait for it until it is whole; so also how long a connection may idle
    Duration response;     ///< to take the answer
};
inline constexpr HttpLimits local_limits{256, 64 * 1024, request_body_limit, std::chrono::seconds{60},
                                         std::chrono::minutes{10}};
inline constexpr HttpLimits metrics_limits{32, 8 * 1024, 0, std::chrono::seconds{10}, std::chrono::seconds{10}};

class HttpServer {
public:
    HttpServer(net::Reactors& reactors, Log& log, Handler handler);
    ~HttpServer();

    /// Listens on a local socket, mode 0600, or 0660 for `group` where one is named. Throws std::runtime_error with
    /// what to do: path too long, another engine answers there, unknown group.
    void listen_local(const std::string& path, const std::string& group);
    /// Listens on TCP (loopback; the loader has seen to that).
    void listen_tcp(const vocabulary::HostPort& address);
    void stop();

    struct State;

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::control
