#include "control/https.hpp"

#include "base/base64.hpp"
#include "control/http_answer.hpp"
#include "net/named_server.hpp"

#include <fmt/format.h>
#include <boost/url/parse.hpp>
#include <fstream>
#include <vector>

namespace postern::control {

namespace {

struct Target {
    vocabulary::HostPort server;
    std::string path;
};

std::optional<Target> parse(const std::string& url)
{
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed || parsed->scheme() != "https" || parsed->host_address().empty() || parsed->has_userinfo())
        return std::nullopt;
    Target target{{parsed->host_address(), 443}, std::string(parsed->encoded_target())};
    if (parsed->has_port()) target.server.port = parsed->port_number();
    if (target.path.empty()) target.path = "/";
    if (target.server.port == 0) return std::nullopt;
    return target;
}

struct Meeting {
    Target target;
    net::Stream stream;
};

/// Connected, and the server proved.
boost::asio::awaitable<Result<Meeting>> meet(net::Dns& dns, std::string url, std::string authorities, net::KeyPair own,
                                             net::Deadline deadline)
{
    const auto target = parse(url);
    if (!target) co_return fault(Retry::never, "is no https URL").about(url);
    auto tls = net::TlsContext::client(vocabulary::HopTls::verify, authorities, own);
    if (!tls) co_return std::unexpected(tls.error());
    auto server = target->server;
    auto stream = co_await net::connect(dns, std::move(server), deadline);
    if (!stream) co_return std::unexpected(stream.error());
    net::ServerProof proof(target->server.host);
    auto context = std::move(*tls);
    const auto shaken = co_await stream->handshake_client(std::move(context), std::move(proof), deadline);
    if (!shaken)
        co_return fault(Retry::later, "the server does not prove its name: " + shaken.error().detail()).about(url);
    co_return Meeting{*target, std::move(*stream)};
}

std::string head_of(std::string_view method, const Target& target)
{
    const auto host = target.server.host.contains(':') ? fmt::format("[{}]", target.server.host) : target.server.host;
    return fmt::format("{} {} HTTP/1.1\r\nHost: {}{}\r\nUser-Agent: Postern\r\nAccept: */*\r\nConnection: close\r\n",
                       method, target.path, host,
                       target.server.port == 443 ? std::string() : fmt::format(":{}", target.server.port));
}

boost::asio::awaitable<Result<void>> write_file(net::Stream& stream, std::ifstream& file, std::uint64_t size,
                                                Duration patience)
{
    std::vector<char> part(256 * 1024);
    while (size > 0) {
        file.read(part.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(part.size(), size)));
        const auto got = static_cast<std::size_t>(file.gcount());
        if (got == 0) co_return fault(Retry::later, "the file can't be read to its end");
        const std::string_view bytes(part.data(), got);
        const auto written = co_await stream.write(bytes, net::after(patience));
        if (!written) co_return std::unexpected(written.error());
        size -= got;
    }
    co_return Result<void>{};
}

Result<void> judge(const HttpAnswer& answer)
{
    if (answer.status >= 200 && answer.status < 300) return {};
    // Of RFC 9110's errors these pass by themselves; so does a full disk (RFC 4918 section 11.5).
    const bool passes = answer.status >= 500 || answer.status == 408 || answer.status == 429;
    return fault(passes ? Retry::later : Retry::never, fmt::format("the server answers {}", answer.status));
}

}  // namespace

boost::asio::awaitable<Result<std::string>> fetch(net::Dns& dns, std::string url, std::string authorities,
                                                  std::uint64_t most, Duration patience)
{
    const auto deadline = net::after(patience);
    net::KeyPair nothing;
    auto met = co_await meet(dns, url, std::move(authorities), std::move(nothing), deadline);
    if (!met) co_return std::unexpected(met.error());
    const auto request = head_of("GET", met->target) + "\r\n";
    const auto written = co_await met->stream.write(std::string_view(request), deadline);
    if (!written) co_return std::unexpected(written.error());
    const auto until = [deadline] { return deadline; };
    auto answer = co_await read_http_answer(met->stream, most, until);
    if (!answer) co_return fault(answer.error().retry(), answer.error().detail()).about(url);
    if (answer->status != 200)
        co_return fault(Retry::never, fmt::format("the server answers {}", answer->status)).about(url);
    co_return std::move(answer->body);
}

boost::asio::awaitable<Result<void>> put_file(net::Dns& dns, Recipient recipient, std::filesystem::path file,
                                              Duration patience)
{
    std::error_code failed;
    const auto size = std::filesystem::file_size(file, failed);
    std::ifstream content(file, std::ios::binary);
    if (failed || !content) co_return fault(Retry::later, "can't be read").about(file.string());
    auto own = recipient.own;
    auto met = co_await meet(dns, recipient.url, recipient.authorities, std::move(own), net::after(patience));
    if (!met) co_return std::unexpected(met.error());
    auto request = head_of("PUT", met->target) +
                   fmt::format("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", size);
    if (recipient.login)
        request += fmt::format("Authorization: Basic {}\r\n",
                               to_base64(recipient.login->user + ":" + recipient.login->password));
    request += "\r\n";
    auto written = co_await met->stream.write(std::string_view(request), net::after(patience));
    if (written) written = co_await write_file(met->stream, content, size, patience);
    // Who does not want it says so before the end, and takes no more: its answer says why.
    const auto until = [deadline = net::after(patience)] { return deadline; };
    const auto answer = co_await read_http_answer(met->stream, 1024 * 1024, until);
    if (!answer)
        co_return fault(Retry::later, (written ? answer.error() : written.error()).detail()).about(recipient.url);
    const auto judged = judge(*answer);
    if (!judged) co_return fault(judged.error().retry(), judged.error().detail()).about(recipient.url);
    if (!written) co_return fault(Retry::later, written.error().detail()).about(recipient.url);
    co_return Result<void>{};
}

}  // namespace postern::control
