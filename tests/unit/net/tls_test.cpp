// Streams under TLS: who is believed, and who is not.
#include "certificates.hpp"
#include "net/stream.hpp"
#include "running.hpp"

#include <openssl/sha.h>
#include <array>
#include <fstream>

using namespace postern;
using namespace postern::testing;
using net::TlsContext;
using vocabulary::HopTls;
using Trouble = net::Stream::Trouble;

namespace {

struct Outcome {
    Result<void> server = fault(Retry::later, "did not run");
    Result<void> client = fault(Retry::later, "did not run");
    Trouble client_trouble = Trouble::none;
    std::optional<net::PeerCertificate> seen_by_server;
    std::string description;
};

Outcome shake(net::TlsContextPtr server, net::TlsContextPtr client, net::ServerProof proof)
{
    Running running;
    Pair pair(running.io);
    Outcome outcome;
    running.spawn([&]() -> Async<void> {
        outcome.server = co_await pair.server.handshake_server(server, soon());
        // In TLS 1.3 the server is done before the client has judged it.
        if (outcome.server) outcome.seen_by_server = pair.server.peer_certificate();
        if (outcome.server) outcome.description = pair.server.tls_description();
    });
    running.spawn([&]() -> Async<void> {
        outcome.client = co_await pair.client.handshake_client(client, proof, soon());
        outcome.client_trouble = pair.client.trouble();
        pair.client.close();
    });
    running.run();
    return outcome;
}

std::string sha256_of_der(const Issued& issued)
{
    unsigned char* der = nullptr;
    const int size = i2d_X509(issued.certificate.get(), &der);
    std::string digest(32, '\0');
    SHA256(der, static_cast<std::size_t>(size), reinterpret_cast<unsigned char*>(digest.data()));
    OPENSSL_free(der);
    return digest;
}

}  // namespace

TEST_CASE("a server with a certificate for its name by a trusted authority is believed")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), pki.client_files());
    REQUIRE(server);
    REQUIRE(client);
    const Outcome outcome = shake(*server, *client, net::ServerProof("mail.example"));
    REQUIRE(outcome.client);
    REQUIRE(outcome.server);
    REQUIRE(outcome.description.starts_with("TLSv1.3 TLS_"));
    REQUIRE(outcome.seen_by_server);
    REQUIRE(outcome.seen_by_server->trusted);
    REQUIRE(outcome.seen_by_server->names == std::vector<std::string>{"gate.member.example", "b.example"});
    REQUIRE(outcome.seen_by_server->sha256 == pki.client.sha256());
}

TEST_CASE("a server with another name is not believed, and the reason says so")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), {});
    const Outcome outcome = shake(*server, *client, net::ServerProof("other.example", {}, {}));
    REQUIRE_FALSE(outcome.client);
    REQUIRE(outcome.client_trouble == Trouble::unverified);
    REQUIRE(outcome.client.error().describe().find("ostname mismatch") != std::string::npos);
    REQUIRE(outcome.client.error().peer().status == Status{7, 5});
    REQUIRE(outcome.client.error().retry() == Retry::later);
}

TEST_CASE("without a name to verify no server is believed")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), {});
    Running running;
    Pair pair(running.io);
    running.spawn([&]() -> Async<void> {
        REQUIRE_AWAIT_FALSE(pair.client.handshake_client(*client, net::ServerProof{}, soon()));
        REQUIRE(pair.client.trouble() == Trouble::unverified);
    });
    running.run();
}

TEST_CASE("a server that signed its own certificate, or whose certificate is over, is not believed")
{
    const Pki pki;
    const Issued own = issue({.common_name = "mail.example", .alternative_names = "DNS:mail.example"});
    const Issued old =
        issue({.alternative_names = "DNS:mail.example", .from_days = -20, .to_days = -10}, &pki.authority);
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), {});
    for (const Issued* shown : {&own, &old}) {
        const auto server = TlsContext::server(pki.files("shown", *shown), false, {});
        REQUIRE(server);
        const Outcome outcome = shake(*server, *client, net::ServerProof("mail.example"));
        REQUIRE_FALSE(outcome.client);
        REQUIRE(outcome.client_trouble == Trouble::unverified);
    }
}

TEST_CASE("a pinned certificate is believed whoever signed it, and no other")
{
    const Pki pki;
    const Issued own = issue({});
    const auto server = TlsContext::server(pki.files("own", own), false, {});
    const auto client = TlsContext::client(HopTls::pin, {}, {});
    REQUIRE(shake(*server, *client, net::ServerProof("mail.example", {pki.server.sha256(), own.sha256()}, {})).client);
    const Outcome wrong = shake(*server, *client, net::ServerProof("mail.example", {pki.server.sha256()}, {}));
    REQUIRE_FALSE(wrong.client);
    REQUIRE(wrong.client_trouble == Trouble::unverified);
}

TEST_CASE("with DANE the TLSA record decides, without any authority")
{
    const Pki pki;
    const Issued own = issue({});
    const auto server = TlsContext::server(pki.files("own", own), false, {});
    const auto client = TlsContext::client(HopTls::dane, {}, {});
    REQUIRE(client);
    const net::Tlsa right{3, 0, 1, sha256_of_der(own)};
    const net::Tlsa wrong{3, 0, 1, sha256_of_der(pki.server)};
    REQUIRE(shake(*server, *client, net::ServerProof("mail.example", {}, {wrong, right})).client);
    REQUIRE(shake(*server, *client, net::ServerProof("mail.example", {}, {wrong})).client_trouble ==
            Trouble::unverified);

    Running running;
    Pair pair(running.io);
    running.spawn([&]() -> Async<void> {
        const std::vector<net::Tlsa> unusable{{1, 0, 1, sha256_of_der(own)}};
        REQUIRE_AWAIT_FALSE(
            pair.client.handshake_client(*client, net::ServerProof("mail.example", {}, unusable), soon()));
        REQUIRE(pair.client.trouble() == Trouble::unverified);
    });
    running.run();
}

TEST_CASE("a client nobody vouches for is let in, but not as trusted")
{
    const Pki pki;
    const Issued own = issue({.alternative_names = "DNS:gate.member.example"});
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), pki.files("own", own));
    const Outcome outcome = shake(*server, *client, net::ServerProof("mail.example"));
    REQUIRE(outcome.server);
    REQUIRE(outcome.seen_by_server);
    REQUIRE_FALSE(outcome.seen_by_server->trusted);
    REQUIRE_FALSE(outcome.seen_by_server->problem.empty());
    REQUIRE(outcome.seen_by_server->sha256 == own.sha256());
}

TEST_CASE("a client whose certificate is over is not trusted")
{
    const Pki pki;
    const Issued old = issue({.from_days = -20, .to_days = -10}, &pki.authority);
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), pki.files("old", old));
    const Outcome outcome = shake(*server, *client, net::ServerProof("mail.example"));
    REQUIRE(outcome.seen_by_server);
    REQUIRE_FALSE(outcome.seen_by_server->trusted);
}

TEST_CASE("a client whose certificate was revoked is not trusted; others of that authority are")
{
    const Pki pki;
    const Issued revoked = issue({}, &pki.authority);
    const Issued second_authority = issue({.common_name = "Second", .authority = true});
    const Issued of_second = issue({}, &second_authority);
    append_crl(pki.authorities(), pki.authority, revoked);
    write_certificate(pki.authorities(), second_authority, "a");
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    REQUIRE(server);
    const auto trusted = [&](const Issued& shown) {
        const auto client = TlsContext::client(HopTls::pin, {}, pki.files("shown", shown));
        const Outcome outcome = shake(*server, *client, net::ServerProof("mail.example", {pki.server.sha256()}, {}));
        REQUIRE(outcome.seen_by_server);
        return outcome.seen_by_server->trusted;
    };
    REQUIRE_FALSE(trusted(revoked));
    REQUIRE(trusted(pki.client));
    REQUIRE(trusted(of_second));  // which keeps no CRL
}

TEST_CASE("a client that shows no certificate is let in as nobody")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), {});
    const Outcome outcome = shake(*server, *client, net::ServerProof("mail.example"));
    REQUIRE(outcome.server);
    REQUIRE_FALSE(outcome.seen_by_server);
}

TEST_CASE("much is carried both ways under TLS, in pieces of all sizes")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), {});
    Running running;
    Pair pair(running.io);
    const std::string big(2'000'003, 'y');
    const std::string middle(20'000, 'z');
    const std::array<std::string_view, 6> pieces{"a", big, "", "bc", middle, "end"};
    std::string expected;
    for (const auto piece : pieces) expected += piece;
    std::string there;
    std::string back;
    running.spawn([&]() -> Async<void> {
        REQUIRE_AWAIT(pair.server.handshake_server(*server, soon()));
        there = co_await read_all(pair.server, expected.size());
        REQUIRE_AWAIT(pair.server.write(pieces, soon()));
        co_await pair.server.shutdown(soon());
    });
    running.spawn([&]() -> Async<void> {
        const net::ServerProof proof("mail.example");
        REQUIRE_AWAIT(pair.client.handshake_client(*client, proof, soon()));
        REQUIRE_AWAIT(pair.client.write(pieces, soon()));
        back = co_await read_all(pair.client, expected.size() + 1);
        REQUIRE(pair.client.trouble() == Trouble::none);
    });
    running.run();
    const bool same_there = there == expected;  // too long to be shown
    const bool same_back = back == expected;
    REQUIRE(same_there);
    REQUIRE(same_back);
}

TEST_CASE("tickets that wait on a resting connection are not taken for a farewell")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    const auto client = TlsContext::client(HopTls::verify, pki.authorities(), {});
    Running running;
    Pair pair(running.io);
    running.spawn([&]() -> Async<void> {
        REQUIRE_AWAIT(pair.server.handshake_server(*server, soon()));
        REQUIRE_AWAIT(pair.server.wait_readable(soon()));
        char byte = 0;
        REQUIRE_AWAIT(pair.server.read_some(&byte, 1, soon()));
        co_await pair.server.shutdown(soon());
    });
    running.spawn([&]() -> Async<void> {
        const net::ServerProof proof("mail.example");
        REQUIRE_AWAIT(pair.client.handshake_client(*client, proof, soon()));
        REQUIRE_AWAIT(pair.client.wait_readable(soon()));  // the ticket
        REQUIRE_FALSE(pair.client.readable_now());
        REQUIRE_AWAIT(pair.client.write("x", soon()));
        REQUIRE_AWAIT(pair.client.wait_readable(soon()));  // close_notify
        REQUIRE(pair.client.readable_now());
        char byte = 0;
        const auto end = co_await pair.client.read_some(&byte, 1, soon());
        REQUIRE(end);
        REQUIRE(*end == 0);
    });
    running.run();
}

TEST_CASE("clear text in place of a handshake is a fault of TLS; silence times out; an end is an end")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, pki.authorities());
    Running running;
    Pair chatty(running.io);
    Pair silent(running.io);
    Pair gone(running.io);
    running.spawn([&]() -> Async<void> {
        REQUIRE_AWAIT(chatty.client.write("EHLO me\r\nMAIL FROM:<>\r\n", soon()));
        REQUIRE_AWAIT_FALSE(chatty.server.handshake_server(*server, soon()));
        REQUIRE(chatty.server.trouble() == Trouble::tls_failed);
        REQUIRE_AWAIT_FALSE(silent.server.handshake_server(*server, net::after(std::chrono::milliseconds{50})));
        REQUIRE(silent.server.trouble() == Trouble::timed_out);
        gone.client.close();
        REQUIRE_AWAIT_FALSE(gone.server.handshake_server(*server, soon()));
        REQUIRE(gone.server.trouble() == Trouble::closed);
    });
    running.run();
}

TEST_CASE("a bad certificate, key or authority is a fault that names the file")
{
    const Pki pki;
    const auto files = pki.server_files();
    const auto other = pki.client_files();
    const std::string junk = pki.folder.file("junk.pem");
    std::ofstream(junk) << "not a certificate\n";
    const auto told = [](const Result<net::TlsContextPtr>& made, const std::string& file, const std::string& why) {
        REQUIRE_FALSE(made);
        INFO(made.error().describe());
        REQUIRE(made.error().describe().find(file) != std::string::npos);
        REQUIRE(made.error().describe().find(why) != std::string::npos);
        REQUIRE(made.error().retry() == Retry::never);
    };
    told(TlsContext::server({"/nowhere/x.pem", files.key}, true, {}), "/nowhere/x.pem", "No such file");
    told(TlsContext::server({files.certificate, "/nowhere/x.key"}, true, {}), "/nowhere/x.key", "No such file");
    told(TlsContext::server({junk, files.key}, true, {}), junk, "no PEM certificate");
    told(TlsContext::server({files.certificate, junk}, true, {}), junk, "no PEM private key");
    told(TlsContext::server({files.certificate, other.key}, true, {}), other.key, "is not the key of");
    told(TlsContext::server(files, true, junk), junk, "no certificate");
    told(TlsContext::client(HopTls::verify, "/nowhere/ca.pem", {}), "/nowhere/ca.pem", "No such file");
}

TEST_CASE("a context knows its certificate's names and its end")
{
    const Pki pki;
    const auto server = TlsContext::server(pki.server_files(), true, {});
    REQUIRE((*server)->covers("mail.example"));
    REQUIRE_FALSE((*server)->covers("other.example"));
    const auto left = *(*server)->not_after() - SystemClock().now();
    REQUIRE(left > std::chrono::days{29});
    REQUIRE(left < std::chrono::days{31});
    const auto old = TlsContext::server(pki.files("old", issue({.from_days = -9, .to_days = -5})), true, {});
    REQUIRE(old);
    REQUIRE(*(*old)->not_after() < SystemClock().now());
}

TEST_CASE("client contexts are made once for each kind of hop and authority")
{
    const Pki pki;
    net::ClientContexts contexts(pki.authorities(), {});
    const auto first = contexts.get(HopTls::verify, {});
    REQUIRE(first);
    REQUIRE(*contexts.get(HopTls::verify, {}) == *first);
    REQUIRE(*contexts.get(HopTls::verify, pki.authorities()) == *first);
    REQUIRE(*contexts.get(HopTls::pin, {}) != *first);
    const auto missing = contexts.get(HopTls::verify, "/nowhere/ca.pem");
    REQUIRE_FALSE(missing);
    REQUIRE(missing.error().retry() == Retry::later);
    REQUIRE(missing.error().describe().find("/nowhere/ca.pem") != std::string::npos);
}
