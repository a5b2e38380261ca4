#include "control/client.hpp"

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace postern::control {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

Fault unreachable(const std::string& socket, const boost::system::error_code& error)
{
    std::string remedy = error == asio::error::access_denied || error == boost::system::errc::permission_denied
                             ? "run as root, or as a member of the group that node.yaml names under control:"
                             : "is posternd running? name its socket with --socket PATH, or set POSTERN_SOCKET";
    return fault(Retry::later, fmt::format("no engine answers ({}); {}", error.message(), remedy)).about(socket);
}

}  // namespace

Result<Answer> ask(const std::string& socket, const std::string& method, const std::string& target,
                   const std::string& body, bool as_text)
{
    if (socket.size() > 107) return fault(Retry::never, "the socket's path is longer than 107 bytes").about(socket);
    asio::io_context io;
    asio::local::stream_protocol::socket connection(io);
    boost::system::error_code failed;
    connection.connect(socket, failed);
    if (failed) return std::unexpected(unreachable(socket, failed));

    http::request<http::string_body> request(http::string_to_verb(method), target, 11);
    request.set(http::field::host, "postern");
    request.set(http::field::accept, as_text ? "text/plain" : "application/json");
    request.keep_alive(false);
    request.body() = body;
    request.prepare_payload();
    http::write(connection, request, failed);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::uint64_t{1} << 30);
    if (!failed) http::read(connection, buffer, parser, failed);
    if (failed) return fault(Retry::later, "the engine did not finish its answer: " + failed.message()).about(socket);
    return Answer{parser.get().result_int(), std::move(parser.get().body())};
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
