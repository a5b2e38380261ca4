#include "control/client.hpp"

#include "control/http_answer.hpp"
#include "net/stream.hpp"

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sstream>

namespace postern::control {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::uint64_t answer_limit = std::uint64_t{1} << 30;
constexpr auto connect_time = std::chrono::seconds{15};
constexpr auto answer_time = std::chrono::minutes{10};  ///< a policy with many tests takes its time

Fault unreachable(const std::string& socket, const boost::system::error_code& error)
{
    std::string remedy = error == asio::error::access_denied || error == boost::system::errc::permission_denied
                             ? "run as root, or as a member of the group that node.yaml names under control:"
                             : "is posternd running? name its socket with --socket PATH, or set POSTERN_SOCKET";
    return fault(Retry::later, fmt::format("no engine answers ({}); {}", error.message(), remedy)).about(socket);
}

}  // namespace

namespace {

http::request<http::string_body> make_request(const std::string& host, const std::string& method,
                                              const std::string& target, const std::string& body, bool as_text)
{
    http::request<http::string_body> request(http::string_to_verb(method), target, 11);
    request.set(http::field::host, host);
    request.set(http::field::accept, as_text ? "text/plain" : "application/json");
    request.keep_alive(false);
    request.body() = body;
    request.prepare_payload();
    return request;
}

Result<Answer> ask_local(const std::string& socket, const http::request<http::string_body>& request)
{
    if (socket.size() > 107) return fault(Retry::never, "the socket's path is longer than 107 bytes").about(socket);
    asio::io_context io;
    asio::local::stream_protocol::socket connection(io);
    boost::system::error_code failed;
    connection.connect(socket, failed);
    if (failed) return std::unexpected(unreachable(socket, failed));
    http::write(connection, request, failed);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_limit);
    if (!failed) http::read(connection, buffer, parser, failed);
    if (failed) return fault(Retry::later, "the engine did not finish its answer: " + failed.message()).about(socket);
    return Answer{parser.get().result_int(), std::move(parser.get().body())};
}

/// The first of the host's addresses that takes a connection.
asio::awaitable<Result<net::Stream>> connect(std::string host, std::uint16_t port)
{
    asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
    boost::system::error_code failed;
    const auto found = resolver.resolve(host, std::to_string(port), failed);
    if (failed) co_return fault(Retry::later, "the name is not known: " + failed.message());
    Fault last(Retry::later, "no address");
    for (const auto& entry : found) {
        const auto ip = vocabulary::parse_ip(entry.endpoint().address().to_string());
        if (!ip) continue;
        auto stream = co_await net::connect(*ip, port, net::after(connect_time));
        if (stream) co_return stream;
        last = stream.error();
    }
    co_return std::unexpected(last);
}

FaultBuilder no_trust(const RemoteEngine& engine, const Fault& why)
{
    return fault(
        Retry::never,
        fmt::format("the TLS handshake failed: {}; --authority names who vouches for the gateway ({}), --certificate "
                    "and --key what you show",
                    why.detail(), engine.authority.empty() ? "now the system's authorities" : engine.authority));
}

/// What the peer said when it ended the connection instead of answering.
FaultBuilder no_answer(const net::Stream& stream, const Fault& why)
{
    if (stream.trouble() == net::Stream::Trouble::tls_failed)
        return fault(Retry::never,
                     fmt::format("the gateway refused the connection: {}; is your certificate one of those that its "
                                 "node.yaml names under control: remote: administrators, in date and not revoked?",
                                 why.detail()));
    return fault(Retry::later, "the engine did not finish its answer: " + why.detail());
}

asio::awaitable<Result<Answer>> read_answer(net::Stream& stream)
{
    const auto until = [] { return net::after(answer_time); };
    auto answer = co_await read_http_answer(stream, answer_limit, until);
    if (!answer) co_return no_answer(stream, answer.error());
    co_return Answer{answer->status, std::move(answer->body)};
}

asio::awaitable<Result<Answer>> converse(RemoteEngine engine, net::TlsContextPtr tls, std::string request)
{
    auto stream = co_await connect(engine.host, engine.port);
    if (!stream) co_return std::unexpected(stream.error());
    net::ServerProof proof(engine.name.empty() ? engine.host : engine.name);
    const auto shaken = co_await stream->handshake_client(std::move(tls), std::move(proof), net::after(connect_time));
    if (!shaken) co_return no_trust(engine, shaken.error());
    // With TLS 1.3 a client's certificate is refused only now, and what was refused may be read after a failed write.
    const auto written = co_await stream->write(request, net::after(answer_time));
    auto answer = co_await read_answer(*stream);
    if (!answer && !written && answer.error().retry() == Retry::later) co_return std::unexpected(written.error());
    co_return answer;
}

Result<Answer> ask_remote(const RemoteEngine& engine, const http::request<http::string_body>& request)
{
    const auto gateway = fmt::format("{}:{}", engine.host, engine.port);
    if (engine.key.empty() || engine.certificate.empty())
        return fault(Retry::never,
                     fmt::format("no key and certificate of yours are named: --key and --certificate, POSTERN_KEY and "
                                 "POSTERN_CERTIFICATE, or ~/.config/postern/{}.yaml",
                                 engine.host))
            .about(gateway);
    const auto tls =
        net::TlsContext::client(vocabulary::HopTls::verify, engine.authority, {engine.certificate, engine.key});
    if (!tls) return std::unexpected(tls.error());
    std::ostringstream text;
    text << request;
    asio::io_context io;
    auto done = asio::co_spawn(io, converse(engine, *tls, text.str()), asio::use_future);
    io.run();
    auto answer = done.get();
    if (answer) return answer;
    return fault(answer.error().retry(), answer.error().detail()).about(gateway);
}

}  // namespace

Result<Answer> ask(const EngineAddress& engine, const std::string& method, const std::string& target,
                   const std::string& body, bool as_text)
{
    auto request = make_request(engine.remote ? engine.remote->host : "postern", method, target, body, as_text);
    if (!engine.acting_for.empty()) request.set("Postern-For", engine.acting_for);
    return engine.remote ? ask_remote(*engine.remote, request) : ask_local(engine.socket, request);
}

std::string percent_encode(const std::string& text)
{
    std::string encoded;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                           c == '.' || c == '_';
        if (plain)
            encoded += c;
        else
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

}  // namespace postern::control
