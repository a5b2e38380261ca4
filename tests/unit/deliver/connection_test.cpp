// Delivery against scripted servers in the test process.
#include "deliver/connection.hpp"
#include "../net/certificates.hpp"
#include "../net/running.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

using namespace postern;
using namespace postern::testing;
using deliver::Connection;
using vocabulary::HopTls;

namespace {

namespace asio = boost::asio;

/// What a server does on one connection.
struct Script {
    std::vector<std::string> extensions{"PIPELINING", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"};
    net::TlsContextPtr tls;  ///< offers STARTTLS
    std::string greeting = "220 sink.example ready";
    std::string mail = "250 2.1.0 Ok";
    std::string recipient = "250 2.1.5 Ok";
    std::string content = "250 2.0.0 Taken";
    std::string content_at_once;     ///< said behind 354 without reading on, then closes
    int messages_then_close = 1000;  ///< closes without a word after so many
};

/// A small SMTP server: reads lines, answers by the script, keeps what it got.
class Server {
public:
    explicit Server(Running& running) : acceptor_(running.io, {asio::ip::address_v4::loopback(), 0}), running_(running)
    {
    }

    /// Serves so many connections, one after the other.
    void serve(Script script, int connections = 1)
    {
        running_.spawn([this, script, connections]() -> Async<void> {
            for (int i = 0; i < connections; ++i) {
                auto accepted = co_await acceptor_.async_accept(asio::use_awaitable);
                const int fd = accepted.release();
                net::Stream stream(net::Socket(running_.io, asio::generic::stream_protocol(AF_INET, 0), fd));
                input_.clear();
                ++connections_seen;
                co_await talk(stream, script);
                stream.close();
            }
        });
    }

    [[nodiscard]] net::Endpoint endpoint(std::string host = "mail.example") const
    {
        net::Endpoint endpoint;
        endpoint.host = std::move(host);
        endpoint.ip = *vocabulary::parse_ip("127.0.0.1");
        endpoint.port = acceptor_.local_endpoint().port();
        return endpoint;
    }

    std::vector<std::string> commands;
    std::vector<std::string> contents;
    int connections_seen = 0;
    bool client_proved = false;

private:
    Async<void> talk(net::Stream& stream, const Script& script)
    {
        co_await say(stream, script.greeting);
        int messages = 0;
        for (;;) {
            const std::string line = co_await read_line(stream);
            if (line.empty()) co_return;
            commands.push_back(line);
            const std::string verb = line.substr(0, 4);
            if (verb == "EHLO" || verb == "LHLO") {
                std::string reply;
                for (const auto& extension : script.extensions) reply += "250-" + extension + "\r\n";
                if (script.tls && !stream.is_tls()) reply += "250-STARTTLS\r\n";
                co_await say(stream, "250-sink.example\r\n" + reply + "250 HELP");
            } else if (verb == "STAR") {
                co_await say(stream, "220 2.0.0 Go");
                const auto shaken = co_await stream.handshake_server(script.tls, soon());
                if (!shaken) co_return;
                const auto shown = stream.peer_certificate();
                client_proved = shown && shown->trusted;
            } else if (verb == "DATA" && !script.recipient.starts_with('2')) {
                co_await say(stream, "554 5.5.1 No valid recipients");
            } else if (verb == "DATA") {
                co_await say(stream, "354 Go on");
                if (!script.content_at_once.empty()) {
                    co_await say(stream, script.content_at_once);
                    co_return;
                }
                contents.push_back(co_await read_content(stream));
                co_await say(stream, script.content);
                if (++messages == script.messages_then_close) co_return;
            } else if (verb == "QUIT") {
                co_await say(stream, "221 2.0.0 Bye");
                co_return;
            } else {
                std::string reply = "250 2.0.0 Ok";  // outside of the co_await: g++ 12 breaks ?: in there
                if (verb == "MAIL") reply = script.mail;
                if (verb == "RCPT") reply = script.recipient;
                co_await say(stream, std::move(reply));
            }
        }
    }

    static Async<void> say(net::Stream& stream, std::string text)
    {
        text += "\r\n";
        static_cast<void>(co_await stream.write(text, soon()));
    }

    Async<bool> fill(net::Stream& stream)
    {
        std::string buffer(4096, '\0');
        const auto got = co_await stream.read_some(buffer.data(), buffer.size(), soon());
        if (!got || *got == 0) co_return false;
        input_.append(buffer, 0, *got);
        co_return true;
    }

    Async<std::string> read_until(net::Stream& stream, std::string end)
    {
        for (;;) {
            const auto at = input_.find(end);
            if (at != std::string::npos) {
                std::string text = input_.substr(0, at);
                input_.erase(0, at + end.size());
                co_return text;
            }
            const bool more = co_await fill(stream);
            if (!more) co_return std::string();
        }
    }

    Async<std::string> read_line(net::Stream& stream) { return read_until(stream, "\r\n"); }
    Async<std::string> read_content(net::Stream& stream) { return read_until(stream, "\r\n.\r\n"); }

    asio::ip::tcp::acceptor acceptor_;
    Running& running_;
    std::string input_;
};

vocabulary::NextHop hop(HopTls tls)
{
    vocabulary::NextHop hop;
    hop.name = "organisation:greenstone";
    hop.tls = tls;
    return hop;
}

smtp::ClientTransaction message(std::vector<std::string> recipients = {"a@member.example"})
{
    smtp::ClientTransaction transaction;
    transaction.sender.path = *mail::Address::parse("eric@sender.example");
    for (const auto& recipient : recipients)
        transaction.recipients.push_back({*mail::Address::parse(recipient), {}, {}});
    transaction.content = {"Subject: x\r\n", "\r\n", "Hello\r\n"};
    return transaction;
}

const std::string wire_content = "Subject: x\r\n\r\nHello";

net::TlsContextPtr server_context(const Pki& pki)
{
    return *net::TlsContext::server(pki.server_files(), true, pki.authorities());
}

deliver::Identity us(net::TlsContextPtr context = nullptr)
{
    return deliver::Identity("mx.cjsm.example", std::move(context));
}

deliver::Timeouts patient()
{
    return {};
}

}  // namespace

TEST_CASE("a message goes to a server that proves itself, and our certificate is shown")
{
    const Pki pki;
    Running running;
    Server server(running);
    Script script;
    script.tls = server_context(pki);
    server.serve(script);
    running.spawn([&]() -> Async<void> {
        const auto context = net::TlsContext::client(HopTls::verify, pki.authorities(), pki.client_files());
        REQUIRE(context);
        const auto to = hop(HopTls::verify);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(*context), patient());
        REQUIRE(connection);
        REQUIRE((*connection)->tls().starts_with("TLSv1.3"));
        auto transaction = message({"a@member.example", "b@member.example"});
        const auto result = co_await (*connection)->send(std::move(transaction));
        REQUIRE_FALSE(result.broken);
        REQUIRE(result.recipients.size() == 2);
        for (const auto& recipient : result.recipients) {
            REQUIRE(recipient.reply.code == 250);
            REQUIRE(recipient.dsn_relayed);
        }
        REQUIRE((*connection)->reusable());
        co_await (*connection)->quit();
    });
    running.run();
    REQUIRE(server.contents == std::vector{wire_content});
    REQUIRE(server.client_proved);
    REQUIRE(server.commands.back() == "QUIT");
}

TEST_CASE("no mail goes to a server without TLS, with another name or another pin; each is worth an alert")
{
    const Pki pki;
    const auto refused = [&](HopTls mode, bool offers_tls, const std::string& host, std::vector<std::string> pins) {
        Running running;
        Server server(running);
        Script script;
        if (offers_tls) script.tls = server_context(pki);
        server.serve(script);
        running.spawn([&]() -> Async<void> {
            const auto context = net::TlsContext::client(mode, pki.authorities(), {});
            auto to = hop(mode);
            to.pins = pins;
            const std::vector<net::Endpoint> endpoints{server.endpoint(host)};
            const auto connection = co_await Connection::open(to, endpoints, us(*context), patient());
            REQUIRE_FALSE(connection);
            REQUIRE(connection.error().unproved);
            REQUIRE(connection.error().fault.retry() == Retry::later);
            REQUIRE(connection.error().fault.peer().status.subject == 7);
            REQUIRE(connection.error().fault.describe().find(host + " [127.0.0.1]") != std::string::npos);
        });
        running.run();
        for (const auto& command : server.commands) REQUIRE_FALSE(command.starts_with("MAIL"));
    };
    refused(HopTls::verify, false, "mail.example", {});
    refused(HopTls::verify, true, "other.example", {});
    refused(HopTls::pin, true, "mail.example", {std::string(64, '0')});
    refused(HopTls::dane, true, "mail.example", {});
}

TEST_CASE("clear text is never spoken to an address that is not on loopback, declared or not")
{
    Running running;
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        std::vector<net::Endpoint> endpoints(1);
        endpoints[0].host = "mail.example";
        endpoints[0].ip = *vocabulary::parse_ip("192.0.2.1");
        endpoints[0].port = 25;
        const auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE_FALSE(connection);
        REQUIRE(connection.error().unproved);
        // Nor with TLS demanded but nothing to demand it by.
        const auto strict = hop(HopTls::verify);
        const auto without = co_await Connection::open(strict, endpoints, us(), patient());
        REQUIRE_FALSE(without);
    });
    running.run();
}

TEST_CASE("an endpoint that fails is passed over for the next, and remembered")
{
    Running running;
    Server refusing(running);
    Server good(running);
    Script busy;
    busy.greeting = "421 4.3.2 Busy";
    refusing.serve(busy);
    good.serve({});
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        auto dead = good.endpoint();
        dead.port = 1;
        const std::vector<net::Endpoint> endpoints{dead, refusing.endpoint(), good.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        REQUIRE((*connection)->passed_over().size() == 2);
        REQUIRE((*connection)->passed_over()[1].reply->code == 421);
        REQUIRE_FALSE((*connection)->passed_over()[1].unproved);
        REQUIRE((*connection)->endpoint().port == good.endpoint().port);
        co_await (*connection)->quit();
    });
    running.run();
}

TEST_CASE("a connection carries as many messages as declared and no more")
{
    Running running;
    Server server(running);
    server.serve({});
    running.spawn([&]() -> Async<void> {
        auto to = hop(HopTls::none);
        to.messages_per_connection = 3;
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        for (int i = 0; i < 3; ++i) {
            REQUIRE((*connection)->reusable());
            auto transaction = message();
            const auto result = co_await (*connection)->send(std::move(transaction));
            REQUIRE(result.recipients.at(0).reply.code == 250);
        }
        REQUIRE_FALSE((*connection)->reusable());
        co_await (*connection)->quit();
    });
    running.run();
    REQUIRE(server.contents.size() == 3);
    REQUIRE(server.connections_seen == 1);
}

TEST_CASE("a server that closed while the connection rested cost no attempt")
{
    Running running;
    Server server(running);
    Script script;
    script.messages_then_close = 1;
    server.serve(script);
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        auto first = message();
        const auto sent = co_await (*connection)->send(std::move(first));
        REQUIRE(sent.recipients.at(0).reply.code == 250);
        auto second = message();
        const auto result = co_await (*connection)->send(std::move(second));
        REQUIRE(result.stale);
        REQUIRE(result.broken);
        REQUIRE(result.recipients.at(0).fault);
        REQUIRE_FALSE((*connection)->reusable());
    });
    running.run();
    REQUIRE(server.contents.size() == 1);
}

TEST_CASE("a server that closes in its first transaction costs an attempt, to be made again")
{
    Running running;
    Server server(running);
    Script script;
    script.content = "421 4.3.0 Going down";
    server.serve(script);
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        auto transaction = message();
        const auto result = co_await (*connection)->send(std::move(transaction));
        REQUIRE_FALSE(result.stale);
        REQUIRE(result.recipients.at(0).reply.transient());
        REQUIRE_FALSE((*connection)->reusable());
    });
    running.run();
}

TEST_CASE("what a server says about a recipient is kept word for word")
{
    Running running;
    Server server(running);
    Script script;
    script.recipient = "550 5.1.1 Nobody here by that name";
    server.serve(script);
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        auto transaction = message();
        const auto result = co_await (*connection)->send(std::move(transaction));
        REQUIRE(result.recipients.at(0).reply.summary() == "550 5.1.1 Nobody here by that name");
        REQUIRE_FALSE(result.recipients.at(0).fault);
        REQUIRE((*connection)->reusable());
        co_await (*connection)->quit();
    });
    running.run();
    REQUIRE(server.contents.empty());
}

TEST_CASE("a server that stops reading a large message and says why is heard")
{
    Running running;
    Server server(running);
    Script script;
    script.extensions = {"PIPELINING"};
    script.content_at_once = "552 5.3.4 Too much";
    server.serve(script);
    const std::string big(20'000'000, 'x');
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        auto transaction = message();
        transaction.content.push_back(big);
        const auto result = co_await (*connection)->send(std::move(transaction));
        // The answer and the reset race: either the server's word counts, or the connection was lost.
        const bool heard = result.recipients.at(0).reply.summary() == "552 5.3.4 Too much";
        const bool lost = result.recipients.at(0).fault && result.recipients.at(0).reply.transient();
        REQUIRE((heard || lost));
        REQUIRE(result.broken);
        REQUIRE_FALSE(result.stale);
        REQUIRE_FALSE((*connection)->reusable());
    });
    running.run();
}

TEST_CASE("asking for an address sends no message")
{
    Running running;
    Server server(running);
    server.serve({});
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};
        auto connection = co_await Connection::open(to, endpoints, us(), patient());
        REQUIRE(connection);
        const auto result = co_await (*connection)->verify(*mail::Address::parse("a@member.example"));
        REQUIRE(result.recipients.at(0).reply.code == 250);
        REQUIRE((*connection)->reusable());
        co_await (*connection)->quit();
    });
    running.run();
    REQUIRE(std::ranges::count(server.commands, "MAIL FROM:<>") == 1);
    REQUIRE(std::ranges::count(server.commands, "RSET") == 1);
    REQUIRE(server.contents.empty());
}

TEST_CASE("a server that falls silent is given up when the time for that step is over")
{
    Running running;
    Server server(running);
    running.spawn([&]() -> Async<void> {
        const auto to = hop(HopTls::none);
        const std::vector<net::Endpoint> endpoints{server.endpoint()};  // listens, but nobody accepts
        deliver::Timeouts timeouts;
        timeouts.greeting = std::chrono::milliseconds{50};
        const auto connection = co_await Connection::open(to, endpoints, us(), timeouts);
        REQUIRE_FALSE(connection);
        REQUIRE(connection.error().fault.describe().find("timed out") != std::string::npos);
        REQUIRE_FALSE(connection.error().unproved);
    });
    running.run();
}
