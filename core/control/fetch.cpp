#include "control/fetch.hpp"

#include "net/stream.hpp"
#include "net/tls_context.hpp"

#include <fmt/format.h>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <vector>

namespace postern::control {

namespace {

namespace http = boost::beast::http;

struct Target {
    std::string host;
    std::uint16_t port = 443;
    std::string path;
};

std::optional<Target> parse(const std::string& url)
{
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed || parsed->scheme() != "https" || parsed->host_address().empty() || parsed->has_userinfo())
        return std::nullopt;
    Target target{parsed->host_address(), 443, std::string(parsed->encoded_target())};
    if (parsed->has_port()) target.port = parsed->port_number();
    if (target.path.empty()) target.path = "/";
    if (target.port == 0) return std::nullopt;
    return target;
}

boost::asio::awaitable<Result<net::Stream>> connect(net::Dns& dns, const Target& target, net::Deadline deadline)
{
    auto found = co_await dns.addresses(target.host);
    if (!found) co_return std::unexpected(found.error());
    Result<net::Stream> stream = std::unexpected(Fault(fault(Retry::later, "has no address").about(target.host)));
    for (const auto& ip : found->records) {
        stream = co_await net::connect(ip, target.port, deadline);
        if (stream) break;
    }
    co_return stream;
}

boost::asio::awaitable<Result<std::string>> read_body(net::Stream& stream, std::uint64_t most, net::Deadline deadline)
{
    http::response_parser<http::string_body> parser;
    parser.body_limit(most);
    parser.eager(true);
    std::string pending;
    std::vector<char> part(16 * 1024);
    while (!parser.is_done()) {
        const auto got = co_await stream.read_some(part.data(), part.size(), deadline);
        if (!got) co_return std::unexpected(got.error());
        boost::system::error_code failed;
        if (*got == 0) {
            parser.put_eof(failed);
            if (failed || !parser.is_done()) co_return fault(Retry::later, "the server ended before its answer did");
            break;
        }
        pending.append(part.data(), *got);
        pending.erase(0, parser.put(boost::asio::buffer(pending), failed));
        if (failed && failed != http::error::need_more)
            co_return fault(Retry::later, "the server's answer can't be read: " + failed.message());
    }
    if (parser.get().result_int() != 200)
        co_return fault(Retry::never, fmt::format("the server answers {}", parser.get().result_int()));
    co_return std::move(parser.get().body());
}

}  // namespace

boost::asio::awaitable<Result<std::string>> fetch(net::Dns& dns, std::string url, std::string authorities,
                                                  std::uint64_t most, Duration patience)
{
    const auto target = parse(url);
    if (!target) co_return fault(Retry::never, "is no https URL").about(url);
    const auto deadline = net::after(patience);
    auto tls = net::TlsContext::client(vocabulary::HopTls::verify, authorities, {});
    if (!tls) co_return std::unexpected(tls.error());
    auto stream = co_await connect(dns, *target, deadline);
    if (!stream) co_return std::unexpected(stream.error());
    net::ServerProof proof(target->host);
    auto context = std::move(*tls);
    const auto shaken = co_await stream->handshake_client(std::move(context), std::move(proof), deadline);
    if (!shaken)
        co_return fault(Retry::later, "the server does not prove its name: " + shaken.error().detail()).about(url);
    const auto request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}{}\r\nUser-Agent: Postern\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                    target->path, target->host, target->port == 443 ? std::string() : fmt::format(":{}", target->port));
    const auto written = co_await stream->write(std::string_view(request), deadline);
    if (!written) co_return std::unexpected(written.error());
    auto body = co_await read_body(*stream, most, deadline);
    if (!body) co_return fault(body.error().retry(), body.error().detail()).about(url);
    co_return body;
}

}  // namespace postern::control
