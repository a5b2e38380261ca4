// The client against servers of all kinds, well and badly behaved.
#include "smtp/client_machine.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace postern;
using namespace postern::smtp;

namespace {

const std::string ehlo_all =
    "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-DSN\r\n"
    "250-SMTPUTF8\r\n250-REQUIRETLS\r\n250 CHUNKING\r\n";
const std::string ehlo_pipelining = "250-mx.example\r\n250 PIPELINING\r\n";
const std::string ehlo_none = "250 mx.example\r\n";

ClientConfig plain_config()
{
    ClientConfig config;
    config.name = "gw.example";
    config.tls_required = false;
    return config;
}

mail::Address address(std::string_view text)
{
    return mail::Address::parse(text).value();
}

ClientTransaction message(std::string_view content, std::size_t recipients = 1)
{
    ClientTransaction transaction;
    transaction.sender.path = address("a@one.example");
    for (std::size_t i = 0; i < recipients; ++i)
        transaction.recipients.push_back({address("r" + std::to_string(i) + "@two.example"), {}, {}});
    if (!content.empty()) transaction.content = {content};
    return transaction;
}

/// Plays the server: each hear() gives replies and returns what the client then writes.
class Peer {
public:
    explicit Peer(ClientConfig config = plain_config()) : client(std::move(config)) {}

    std::string hear(std::string_view replies)
    {
        client.receive(replies);
        return pump();
    }
    std::string pump()
    {
        for (;;) {
            const ClientEvent event = client.next();
            if (const auto* done = std::get_if<RecipientDone>(&event)) {
                REQUIRE(outcomes.emplace(done->index, *done).second);
            } else if (const auto* failed = std::get_if<Failed>(&event)) {
                failure = failed->fault.detail();
                break;
            } else if (std::holds_alternative<Ready>(event)) {
                ++ready;
            } else if (std::holds_alternative<NeedTls>(event)) {
                needs_tls = true;
                break;
            } else {
                closed = std::holds_alternative<Closed>(event);
                break;
            }
        }
        return written();
    }
    std::string start(ClientTransaction transaction)
    {
        outcomes.clear();
        client.start(std::move(transaction));
        return pump();
    }
    std::string written()
    {
        std::string bytes;
        for (const auto piece : client.output()) bytes += piece;
        client.wrote();
        return bytes;
    }
    std::string result(std::size_t index) { return outcomes.at(index).reply.summary(); }

    ClientMachine client;
    std::map<std::size_t, RecipientDone> outcomes;
    std::string failure;
    int ready = 0;
    bool needs_tls = false;
    bool closed = false;
};

/// A peer that is greeted and ready.
Peer connected(std::string_view ehlo, ClientConfig config = plain_config())
{
    Peer peer(std::move(config));
    REQUIRE(peer.hear("220 mx.example ESMTP\r\n") == "EHLO gw.example\r\n");
    REQUIRE(peer.hear(ehlo).empty());
    REQUIRE(peer.ready == 1);
    return peer;
}

}  // namespace

TEST_CASE("with pipelining and chunking a message is one write")
{
    auto peer = connected(ehlo_all);
    REQUIRE(peer.start(message("Hi\r\n.\r\n", 2)) ==
            "MAIL FROM:<a@one.example> SIZE=7\r\nRCPT TO:<r0@two.example>\r\nRCPT TO:<r1@two.example>\r\n"
            "BDAT 7 LAST\r\nHi\r\n.\r\n");
    REQUIRE(peer.hear("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 Unknown\r\n250 2.0.0 Queued as 1\r\n").empty());
    REQUIRE(peer.result(0) == "250 2.0.0 Queued as 1");
    REQUIRE(peer.outcomes.at(0).dsn_relayed);
    REQUIRE(peer.result(1) == "550 5.1.1 Unknown");
    REQUIRE_FALSE(peer.outcomes.at(1).dsn_relayed);
    REQUIRE(peer.ready == 2);
}

TEST_CASE("with pipelining alone the envelope and DATA are one write, and the content the next")
{
    auto peer = connected(ehlo_pipelining);
    REQUIRE(peer.start(message("a\r\n.b\r\n")) == "MAIL FROM:<a@one.example>\r\nRCPT TO:<r0@two.example>\r\nDATA\r\n");
    REQUIRE(peer.hear("250 Ok\r\n250 Ok\r\n").empty());
    REQUIRE(peer.client.waiting() == Waiting::data);
    REQUIRE(peer.hear("354 Go\r\n") == "a\r\n..b\r\n.\r\n");
    REQUIRE(peer.client.waiting() == Waiting::content_end);
    REQUIRE(peer.hear("250 Ok\r\n").empty());
    REQUIRE(peer.result(0) == "250 Ok");
    REQUIRE_FALSE(peer.outcomes.at(0).dsn_relayed);
}

TEST_CASE("without pipelining each command waits for its reply")
{
    auto peer = connected(ehlo_none);
    REQUIRE(peer.start(message("x", 2)) == "MAIL FROM:<a@one.example>\r\n");
    REQUIRE(peer.hear("250 Ok\r\n") == "RCPT TO:<r0@two.example>\r\n");
    REQUIRE(peer.hear("250 Ok\r\n") == "RCPT TO:<r1@two.example>\r\n");
    REQUIRE(peer.hear("450 Later\r\n") == "DATA\r\n");
    REQUIRE(peer.hear("354 Go\r\n") == "x\r\n.\r\n");
    REQUIRE(peer.hear("250 Ok\r\n").empty());
    REQUIRE(peer.result(0) == "250 Ok");
    REQUIRE(peer.result(1) == "450 Later");
}

TEST_CASE("a large chunk waits until somebody takes it")
{
    const std::string content(70'000, 'x');
    auto peer = connected(ehlo_all);
    REQUIRE(peer.start(message(content)).ends_with("RCPT TO:<r0@two.example>\r\n"));
    REQUIRE(peer.hear("250 Ok\r\n250 Ok\r\n") == "BDAT 70000 LAST\r\n" + content);
}

TEST_CASE("DATA is never said when all recipients are refused")
{
    auto peer = connected(ehlo_none);
    peer.start(message("x"));
    peer.hear("250 Ok\r\n");
    REQUIRE(peer.hear("550 No\r\n") == "RSET\r\n");
    REQUIRE(peer.ready == 1);
    REQUIRE(peer.hear("250 Ok\r\n").empty());
    REQUIRE(peer.ready == 2);
    REQUIRE(peer.result(0) == "550 No");
}

TEST_CASE("a DATA that was pipelined and taken for nobody gets an empty content")
{
    auto peer = connected(ehlo_pipelining);
    peer.start(message("secret\r\n"));
    REQUIRE(peer.hear("250 Ok\r\n550 No\r\n354 Go\r\n") == ".\r\n");
    REQUIRE(peer.hear("554 No valid recipients\r\n").empty());
    REQUIRE(peer.result(0) == "550 No");
    REQUIRE(peer.ready == 2);
}

TEST_CASE("a refused sender is the outcome of every recipient")
{
    auto peer = connected(ehlo_all);
    peer.start(message("x\r\n", 2));
    REQUIRE(peer.hear("451 4.7.1 Later\r\n503 5.5.1 No\r\n503 5.5.1 No\r\n503 5.5.1 No\r\n") == "RSET\r\n");
    REQUIRE(peer.result(0) == "451 4.7.1 Later");
    REQUIRE(peer.result(1) == "451 4.7.1 Later");
    peer.hear("250 Ok\r\n");
    REQUIRE(peer.ready == 2);
}

TEST_CASE("a refused DATA and a refused content are the outcome of the accepted recipients")
{
    auto peer = connected(ehlo_pipelining);
    peer.start(message("x\r\n", 2));
    REQUIRE(peer.hear("250 Ok\r\n250 Ok\r\n550 No\r\n451 4.3.0 Disk\r\n") == "RSET\r\n");
    REQUIRE(peer.result(0) == "451 4.3.0 Disk");
    REQUIRE(peer.result(1) == "550 No");
    peer.hear("250 Ok\r\n");
    peer.start(message("x\r\n"));
    peer.hear("250 Ok\r\n250 Ok\r\n354 Go\r\n");
    REQUIRE(peer.hear("554 5.7.1 Spam\r\n").empty());
    REQUIRE(peer.result(0) == "554 5.7.1 Spam");
    REQUIRE(peer.ready == 3);
}

TEST_CASE("the parameters are those that the server offers")
{
    auto transaction = message("\xC3\xBC\r\n");
    transaction.sender.body = mail::Body::eight_bit_mime;
    transaction.sender.smtputf8 = true;
    transaction.sender.ret = mail::Return::headers;
    transaction.sender.envelope_id = "id=1";
    transaction.recipients[0].notify = {true, false, true, false, true};
    transaction.recipients[0].original_recipient = "rfc822;o@x.example";
    auto config = plain_config();
    config.secure = true;
    auto peer = connected(ehlo_all, config);
    transaction.sender.require_tls = true;
    REQUIRE(
        peer.start(transaction)
            .starts_with("MAIL FROM:<a@one.example> SIZE=4 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=id+3D1\r\n"
                         "RCPT TO:<r0@two.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@x.example\r\n"));
}

TEST_CASE("DSN parameters stay behind where DSN is not offered, and a broken ORCPT always")
{
    auto transaction = message("x\r\n");
    transaction.sender.envelope_id = "id";
    transaction.recipients[0].notify = {true, true, false, false, false};
    auto peer = connected(ehlo_pipelining);
    REQUIRE(peer.start(transaction).starts_with("MAIL FROM:<a@one.example>\r\nRCPT TO:<r0@two.example>\r\n"));
    auto other = connected(ehlo_all);
    transaction.recipients[0].original_recipient = "rfc822;x\r\nDATA";
    REQUIRE(other.start(transaction).find("RCPT TO:<r0@two.example> NOTIFY=NEVER\r\n") != std::string::npos);
}

TEST_CASE("what the server's extensions cannot carry is not sent, and the fault says why")
{
    const auto status_of = [](ClientTransaction transaction, std::string_view ehlo) {
        auto peer = connected(ehlo);
        REQUIRE(peer.start(std::move(transaction)).empty());
        REQUIRE(peer.ready == 2);
        REQUIRE(peer.outcomes.at(0).fault->retry() == Retry::never);
        return peer.result(0).substr(0, 10);
    };
    auto eight_bit = message("\xC3\xBC\r\n");
    eight_bit.sender.body = mail::Body::eight_bit_mime;
    REQUIRE(status_of(eight_bit, ehlo_none) == "554 5.6.3 ");
    auto utf8 = message("x\r\n");
    utf8.recipients[0].address = address("j\xC3\xBCrgen@two.example");
    REQUIRE(status_of(utf8, ehlo_none) == "553 5.6.7 ");
    auto tls = message("x\r\n");
    tls.sender.require_tls = true;
    REQUIRE(status_of(tls, ehlo_all) == "550 5.7.30");  // offered in clear text: counts for nothing
    const std::string large(100'001, 'x');
    REQUIRE(status_of(message(large), ehlo_all) == "552 5.3.4 ");
}

TEST_CASE("a message that declares more than it needs is sent without")
{
    auto transaction = message("plain\r\n");
    transaction.sender.body = mail::Body::eight_bit_mime;
    transaction.sender.smtputf8 = true;
    auto peer = connected(ehlo_pipelining);
    REQUIRE(peer.start(transaction).starts_with("MAIL FROM:<a@one.example>\r\n"));
}

TEST_CASE("asking for recipients sends no content")
{
    auto transaction = message("", 2);
    transaction.only_ask = true;
    auto peer = connected(ehlo_all);
    REQUIRE(peer.start(transaction) ==
            "MAIL FROM:<a@one.example>\r\nRCPT TO:<r0@two.example>\r\nRCPT TO:<r1@two.example>\r\n");
    REQUIRE(peer.hear("250 Ok\r\n250 Ok\r\n550 5.1.1 Unknown\r\n") == "RSET\r\n");
    REQUIRE(peer.result(0) == "250 Ok");
    REQUIRE_FALSE(peer.outcomes.at(0).dsn_relayed);
    REQUIRE(peer.result(1) == "550 5.1.1 Unknown");
}

TEST_CASE("many recipients go in groups")
{
    auto config = plain_config();
    config.pipelined_commands = 2;
    auto peer = connected(ehlo_pipelining, config);
    REQUIRE(peer.start(message("x\r\n", 3)).ends_with("RCPT TO:<r1@two.example>\r\n"));
    REQUIRE(peer.hear("250 Ok\r\n250 Ok\r\n").empty());
    REQUIRE(peer.hear("250 Ok\r\n") == "RCPT TO:<r2@two.example>\r\nDATA\r\n");
    REQUIRE(peer.hear("250 Ok\r\n354 Go\r\n") == "x\r\n.\r\n");
    peer.hear("250 Ok\r\n");
    REQUIRE(peer.outcomes.size() == 3);
}

TEST_CASE("LMTP has one final reply for each recipient that was accepted")
{
    auto config = plain_config();
    config.protocol = Protocol::lmtp;
    for (const auto* extension : {"PIPELINING", "CHUNKING"}) {
        Peer peer(config);
        REQUIRE(peer.hear("220 Hi\r\n") == "LHLO gw.example\r\n");
        peer.hear(std::string("250-mx\r\n250-PIPELINING\r\n250 ") + extension + "\r\n");
        peer.start(message("x\r\n", 3));
        peer.hear("250 Ok\r\n250 Ok\r\n550 No\r\n250 Ok\r\n");
        if (std::string_view(extension) == "PIPELINING") REQUIRE(peer.hear("354 Go\r\n") == "x\r\n.\r\n");
        peer.hear("250 2.0.0 First\r\n");
        REQUIRE(peer.ready == 1);
        peer.hear("452 4.2.2 Third\r\n");
        peer.hear("250 Reset\r\n");
        REQUIRE(peer.ready == 2);
        REQUIRE(peer.result(0) == "250 2.0.0 First");
        REQUIRE(peer.result(1) == "550 No");
        REQUIRE(peer.result(2) == "452 4.2.2 Third");
    }
}

TEST_CASE("an old server is greeted by HELO")
{
    Peer peer;
    peer.hear("220 Hi\r\n");
    REQUIRE(peer.hear("502 What?\r\n") == "HELO gw.example\r\n");
    peer.hear("250-old\r\n250 PIPELINING\r\n");
    REQUIRE(peer.ready == 1);
    REQUIRE(peer.client.capabilities() == Capabilities{});
}

TEST_CASE("TLS is asked for, and hello is said anew")
{
    auto config = plain_config();
    config.tls_required = true;
    Peer peer(config);
    peer.hear("220 Hi\r\n");
    REQUIRE(peer.hear("250-mx\r\n250-SIZE 5\r\n250 STARTTLS\r\n") == "STARTTLS\r\n");
    REQUIRE(peer.hear("220 Go\r\n").empty());
    REQUIRE(peer.needs_tls);
    peer.client.secured();
    REQUIRE(peer.pump() == "EHLO gw.example\r\n");
    REQUIRE(peer.ready == 0);
    peer.hear("250-mx\r\n250 REQUIRETLS\r\n");
    REQUIRE(peer.ready == 1);
    REQUIRE(peer.client.is_secure());
    REQUIRE(peer.client.capabilities().require_tls);
    REQUIRE_FALSE(peer.client.capabilities().size);
}

TEST_CASE("no mail goes to a server without TLS where it is required")
{
    auto config = plain_config();
    config.tls_required = true;
    for (const auto* rest : {"250 mx\r\n", "502 What?\r\n", "250 STARTTLS\r\n", "250-mx\r\n250 STARTTLS\r\n454 No\r\n",
                             "250-mx\r\n250 STARTTLS\r\n220 Go\r\n250 injected\r\n"}) {
        Peer peer(config);
        CAPTURE(rest);
        peer.hear("220 Hi\r\n");
        peer.hear(rest);
        REQUIRE_FALSE(peer.failure.empty());
        REQUIRE(peer.ready == 0);
        REQUIRE_FALSE(peer.needs_tls);
    }
}

TEST_CASE("a refused connection fails for now, with the server's words")
{
    for (const auto* greeting : {"554 Go away\r\n", "421 Busy\r\n", "354 What\r\n"}) {
        ClientMachine client(plain_config());
        client.receive(greeting);
        const auto event = client.next();
        REQUIRE(std::get<Failed>(event).fault.retry() == Retry::later);
        REQUIRE(std::get<Failed>(event).reply.has_value());
        REQUIRE(std::holds_alternative<Failed>(client.next()));
    }
}

TEST_CASE("when the connection breaks, every recipient without an outcome is deferred")
{
    auto peer = connected(ehlo_all);
    peer.start(message("x\r\n", 3));
    peer.hear("250 Ok\r\n550 No\r\n250 Ok\r\n");
    peer.client.lost(fault(Retry::later, "deadline").tell_peer(51, {4, 2}, "The next server does not answer"));
    peer.pump();
    REQUIRE(peer.failure == "deadline");
    REQUIRE(peer.result(0) == "550 No");
    REQUIRE(peer.result(1) == "451 4.4.2 The next server does not answer");
    REQUIRE(peer.outcomes.at(2).fault->retry() == Retry::later);
    REQUIRE_FALSE(peer.client.has_output());
}

TEST_CASE("a 421 in the middle answers its command and ends the connection")
{
    auto peer = connected(ehlo_pipelining);
    peer.start(message("x\r\n", 2));
    peer.hear("250 Ok\r\n421 4.3.2 Closing\r\n");
    REQUIRE(peer.result(0) == "421 4.3.2 Closing");
    REQUIRE(peer.outcomes.at(1).fault);
    REQUIRE_FALSE(peer.failure.empty());

    auto idle = connected(ehlo_pipelining);
    idle.hear("421 4.4.2 Idle\r\n");
    REQUIRE_FALSE(idle.failure.empty());
}

TEST_CASE("a server that does not speak the protocol loses the connection, not the mail")
{
    for (const auto* replies : {"garbage\r\n", "250-Ok\r\n251 Ok\r\n", "199 x\r\n", "354 x\r\n", "250 Ok\r\n354 x\r\n",
                                "250 Ok\r\n250 Ok\r\n250 x\r\n", "600 x\r\n", "25\r\n", "250_x\r\n"}) {
        auto peer = connected(ehlo_pipelining);
        peer.start(message("x\r\n"));
        CAPTURE(replies);
        peer.hear(replies);
        REQUIRE_FALSE(peer.failure.empty());
        REQUIRE(peer.outcomes.at(0).fault->retry() == Retry::later);
        REQUIRE(peer.written().empty());
    }
}

TEST_CASE("QUIT closes, and a connection that breaks then is closed too")
{
    auto peer = connected(ehlo_none);
    peer.client.quit();
    REQUIRE(peer.pump() == "QUIT\r\n");
    peer.hear("221 Bye\r\n");
    REQUIRE(peer.closed);
    auto other = connected(ehlo_none);
    other.client.quit();
    other.client.lost(fault(Retry::later, "reset"));
    other.pump();
    REQUIRE(other.closed);
    REQUIRE(other.failure.empty());
}
