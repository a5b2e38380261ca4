#include "alert/ways.hpp"

#include "base/text.hpp"
#include "net/named_server.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <system_error>

namespace postern::alert {

namespace {

namespace http = boost::beast::http;
namespace json = boost::json;

constexpr std::size_t longest_answer = std::size_t{64} * 1024;
constexpr std::size_t longest_syslog = 8000;
constexpr std::size_t shortest_key = 16;
constexpr Duration syslog_patience = std::chrono::seconds{10};

Result<std::string> read_key(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fault(Retry::never, "the webhook's key can't be read").about(path);
    std::string key(trim(text.str()));
    if (key.size() < shortest_key)
        return fault(Retry::never, "the webhook's key is shorter than 16 bytes; openssl rand -hex 32 makes one")
            .about(path);
    return key;
}

Fault errno_fault(const std::string& what, const std::string& object)
{
    return fault(Retry::later, fmt::format("{}: {}", what, std::generic_category().message(errno))).about(object);
}

std::string request_of(const vocabulary::Webhook& webhook, const Keys& keys, const std::string& body)
{
    const bool usual = webhook.port == (webhook.tls ? 443 : 80);
    const auto host = webhook.host.find(':') == std::string::npos ? webhook.host : "[" + webhook.host + "]";
    std::string request = fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}{}\r\nUser-Agent: Postern\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\nConnection: close\r\n",
        webhook.path, host, usual ? "" : fmt::format(":{}", webhook.port), body.size());
    for (const auto& [name, value] : webhook.headers) request += fmt::format("{}: {}\r\n", name, value);
    if (!keys.webhook_key.empty())
        request += fmt::format("X-Postern-Signature: {}\r\n", webhook_signature(keys.webhook_key, body));
    return request + "\r\n" + body;
}

boost::asio::awaitable<Result<unsigned>> read_status(net::Stream& stream, net::Deadline deadline)
{
    http::response_parser<http::string_body> parser;
    parser.body_limit(longest_answer);
    parser.header_limit(longest_answer);
    std::string buffer;
    std::array<char, 4096> chunk{};
    while (!parser.is_header_done()) {
        auto got = co_await stream.read_some(chunk.data(), chunk.size(), deadline);
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) co_return fault(Retry::later, "the webhook's server closed the connection without an answer");
        buffer.append(chunk.data(), *got);
        boost::system::error_code failed;
        const auto used = parser.put(boost::asio::buffer(buffer), failed);
        buffer.erase(0, used);
        if (failed == http::error::need_more) failed = {};
        if (failed && !parser.is_header_done())
            co_return fault(Retry::later, "the webhook's answer is no HTTP: " + failed.message());
        if (buffer.size() > longest_answer) co_return fault(Retry::later, "the webhook's answer is too long");
    }
    co_return parser.get().result_int();
}

Result<void> send_datagram(int family, const sockaddr* address, socklen_t size, const std::string& line,
                           const std::string& name)
{
    const int socket = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return std::unexpected(errno_fault("no socket", name));
    const auto sent = ::sendto(socket, line.data(), line.size(), MSG_NOSIGNAL, address, size);
    const auto failure = sent < 0 ? std::optional(errno_fault("can't be written to", name)) : std::nullopt;
    ::close(socket);
    if (failure) return std::unexpected(*failure);
    return {};
}

Result<void> write_local(const std::string& path, const std::string& line)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fault(Retry::never, "the path is too long").about(path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return send_datagram(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, line, path);
}

Result<void> write_udp(const vocabulary::Ip& ip, std::uint16_t port, const std::string& line)
{
    const auto name = fmt::format("[{}]:{}", vocabulary::print_ip(ip), port);
    if (ip.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        std::memcpy(&address.sin_addr, ip.bytes.data() + 12, 4);
        return send_datagram(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address, line, name);
    }
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    std::memcpy(&address.sin6_addr, ip.bytes.data(), 16);
    return send_datagram(AF_INET6, reinterpret_cast<const sockaddr*>(&address), sizeof address, line, name);
}

unsigned priority(vocabulary::Severity severity, unsigned facility)
{
    constexpr std::array<unsigned, 3> levels{5, 4, 2};  // RFC 5424 section 6.2.1: notice, warning, critical
    return facility * 8 + levels[static_cast<std::size_t>(severity)];
}

}  // namespace

Result<std::shared_ptr<const Keys>> Keys::load(const vocabulary::AlertPolicy& policy)
{
    auto keys = std::make_shared<Keys>();
    if (policy.dkim) {
        auto signer = Signer::load(*policy.dkim);
        if (!signer) return std::unexpected(signer.error());
        keys->signer = std::move(*signer);
    }
    if (policy.webhook && !policy.webhook->key_file.empty()) {
        auto key = read_key(policy.webhook->key_file);
        if (!key) return std::unexpected(key.error());
        keys->webhook_key = std::move(*key);
    }
    const auto context = [](const std::string& authorities) {
        return net::TlsContext::client(vocabulary::HopTls::verify, authorities, {});
    };
    if (policy.webhook && policy.webhook->tls) {
        auto made = context(policy.webhook->authorities);
        if (!made) return std::unexpected(made.error());
        keys->webhook_tls = *made;
    }
    if (policy.syslog.way == vocabulary::Syslog::Way::tls) {
        auto made = context(policy.syslog.authorities);
        if (!made) return std::unexpected(made.error());
        keys->syslog_tls = *made;
    }
    return keys;
}

std::string webhook_body(const store::AlertRecord& alert, bool escalation, const Service& service)
{
    const auto& event = vocabulary::info(alert.event);
    json::object fields;
    for (const auto& [name, value] : alert.fields) fields[name] = is_utf8(value) ? value : printable(value, 1000);
    return json::serialize(json::object{{"id", alert.id},
                                        {"rule", alert.rule},
                                        {"event", event.name},
                                        {"severity", vocabulary::name_of(event.severity)},
                                        {"time", to_iso8601(alert.at)},
                                        {"object", printable(alert.object, 1000)},
                                        {"text", printable(alert.text, 4000)},
                                        {"fields", std::move(fields)},
                                        {"suppressed", alert.suppressed},
                                        {"escalation", escalation},
                                        {"service", service.name},
                                        {"node", service.node}});
}

std::string webhook_signature(const std::string& key, const std::string& body)
{
    std::string digest(32, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(body.data()),
         body.size(), reinterpret_cast<unsigned char*>(digest.data()), &size);
    return "sha256=" + to_hex(digest);
}

boost::asio::awaitable<Result<void>> post_webhook(net::Dns& dns, vocabulary::Webhook webhook,
                                                  std::shared_ptr<const Keys> keys, std::string body)
{
    const auto deadline = net::after(webhook.timeout);
    vocabulary::HostPort server{webhook.host == "localhost" ? "127.0.0.1" : webhook.host, webhook.port};
    auto stream = co_await net::connect(dns, std::move(server), deadline);
    if (!stream) co_return std::unexpected(stream.error());
    if (webhook.tls) {
        net::ServerProof proof(webhook.host);
        auto proved = co_await stream->handshake_client(keys->webhook_tls, std::move(proof), deadline);
        if (!proved) co_return std::unexpected(proved.error());
    }
    const std::string request = request_of(webhook, *keys, body);
    auto written = co_await stream->write(std::string_view(request), deadline);
    if (!written) co_return std::unexpected(written.error());
    auto status = co_await read_status(*stream, deadline);
    stream->close();
    if (!status) co_return std::unexpected(status.error());
    if (*status >= 200 && *status < 300) co_return Result<void>{};
    const bool temporary = *status >= 500 || *status == 408 || *status == 429;
    co_return fault(temporary ? Retry::later : Retry::never, fmt::format("the webhook answered {}", *status));
}

std::string syslog_line(const store::AlertRecord& alert, bool escalation, const Service& service,
                        const vocabulary::Syslog& syslog)
{
    const auto& event = vocabulary::info(alert.event);
    const auto pri = priority(event.severity, syslog.facility);
    const auto text = printable(
        fmt::format("{} {}{}: {} [alert {}{}]", event.name, escalation ? "(escalated) " : "", alert.rule, alert.text,
                    alert.id, alert.suppressed > 0 ? fmt::format(", {} left out before", alert.suppressed) : ""),
        longest_syslog);
    if (syslog.way == vocabulary::Syslog::Way::local) {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(
            std::chrono::time_point_cast<std::chrono::system_clock::duration>(alert.at));
        std::tm parts{};
        ::localtime_r(&seconds, &parts);
        std::array<char, 32> stamp{};
        std::strftime(stamp.data(), stamp.size(), "%b %e %H:%M:%S", &parts);
        return fmt::format("<{}>{} postern[{}]: {}", pri, stamp.data(), ::getpid(), text);
    }
    return fmt::format("<{}>1 {} {} postern {} {} - {}", pri, to_iso8601(alert.at), service.node, ::getpid(),
                       event.name, text);
}

boost::asio::awaitable<Result<void>> write_syslog(net::Dns& dns, vocabulary::Syslog syslog,
                                                  std::shared_ptr<const Keys> keys, std::string line)
{
    using Way = vocabulary::Syslog::Way;
    if (syslog.way == Way::local) co_return write_local(syslog.socket, line);
    const auto deadline = net::after(syslog_patience);
    const std::string host = syslog.server.host == "localhost" ? "127.0.0.1" : syslog.server.host;
    if (syslog.way == Way::udp) {
        const auto ip = vocabulary::parse_ip(host);
        if (!ip) co_return std::unexpected(ip.error());
        co_return write_udp(*ip, syslog.server.port, line);
    }
    vocabulary::HostPort server{host, syslog.server.port};
    auto stream = co_await net::connect(dns, std::move(server), deadline);
    if (!stream) co_return std::unexpected(stream.error());
    if (syslog.way == Way::tls) {
        net::ServerProof proof(syslog.verify_name.empty() ? syslog.server.host : syslog.verify_name);
        auto proved = co_await stream->handshake_client(keys->syslog_tls, std::move(proof), deadline);
        if (!proved) co_return std::unexpected(proved.error());
    }
    const std::string frame = fmt::format("{} {}", line.size(), line);  // RFC 6587 section 3.4.1, RFC 5425 section 4.3
    auto written = co_await stream->write(std::string_view(frame), deadline);
    if (!written) co_return std::unexpected(written.error());
    co_await stream->shutdown(deadline);
    co_return Result<void>{};
}

}  // namespace postern::alert
