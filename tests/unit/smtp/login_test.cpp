// The client's login: said only under TLS, by what the server offers, and never answered with trust it has not earned.
#include "smtp/client_machine.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::smtp;

namespace {

/// A client that has a login, up to the reply to its second EHLO.
struct Client {
    ClientMachine machine;
    std::string failure;
    bool ready = false;

    explicit Client(bool secure = true) : machine(config(secure)) {}

    static ClientConfig config(bool secure)
    {
        ClientConfig made;
        made.name = "gw.example";
        made.tls_required = secure;
        made.secure = secure;
        made.login = vocabulary::Login{"tim", "tanstaaftanstaaf"};  // RFC 4616 section 4
        return made;
    }
    std::string hear(std::string_view replies)
    {
        machine.receive(replies);
        for (bool more = true; more;) {
            const auto event = machine.next();
            if (const auto* failed = std::get_if<Failed>(&event)) failure = failed->fault.detail();
            ready = ready || std::holds_alternative<Ready>(event);
            more = std::holds_alternative<Ready>(event);
        }
        std::string bytes;
        for (const auto piece : machine.output()) bytes += piece;
        machine.wrote();
        return bytes;
    }
};

}  // namespace

TEST_CASE("PLAIN is said in one line where it is offered")
{
    Client client;
    CHECK(client.hear("220 mx.example\r\n") == "EHLO gw.example\r\n");
    CHECK(client.hear("250-mx.example\r\n250 AUTH LOGIN PLAIN\r\n") == "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n");
    CHECK_FALSE(client.ready);
    CHECK(client.hear("235 2.7.0 welcome\r\n").empty());
    CHECK(client.ready);
}

TEST_CASE("LOGIN is said in three where PLAIN is not offered")
{
    Client client;
    client.hear("220 mx.example\r\n");
    CHECK(client.hear("250-mx.example\r\n250 AUTH LOGIN\r\n") == "AUTH LOGIN\r\n");
    CHECK(client.hear("334 VXNlcm5hbWU6\r\n") == "dGlt\r\n");
    CHECK(client.hear("334 UGFzc3dvcmQ6\r\n") == "dGFuc3RhYWZ0YW5zdGFhZg==\r\n");
    client.hear("235 2.7.0 welcome\r\n");
    CHECK(client.ready);
}

TEST_CASE("a login that is refused, not offered or answered out of turn ends the connection without the password")
{
    Client refused;
    refused.hear("220 mx.example\r\n");
    refused.hear("250-mx.example\r\n250 AUTH PLAIN\r\n");
    refused.hear("535 5.7.8 wrong\r\n");
    CHECK(refused.failure.find("535") != std::string::npos);
    CHECK(refused.failure.find("AHRpbQ") == std::string::npos);

    Client none;
    none.hear("220 mx.example\r\n");
    CHECK(none.hear("250 mx.example\r\n").empty());
    CHECK(none.failure == "the server offers neither AUTH PLAIN nor LOGIN");

    Client early;
    early.hear("220 mx.example\r\n");
    early.hear("250-mx.example\r\n250 AUTH LOGIN\r\n");
    CHECK(early.hear("235 2.7.0 welcome\r\n").empty());
    CHECK_FALSE(early.ready);
    CHECK_FALSE(early.failure.empty());
}

TEST_CASE("in clear text nothing is said")
{
    Client client(false);
    client.hear("220 mx.example\r\n");
    CHECK(client.hear("250-mx.example\r\n250 AUTH PLAIN\r\n").empty());
    CHECK(client.failure == "a login is not said in clear text");
}
