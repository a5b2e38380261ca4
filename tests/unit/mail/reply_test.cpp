// Replies as bytes and as log lines.
#include "mail/reply.hpp"

#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::mail;

TEST_CASE("a reply is one line for each text, with code and status on each")
{
    REQUIRE(Reply::of(250, {0, 0}, "Ok").wire() == "250 2.0.0 Ok\r\n");
    REQUIRE(Reply::plain(354, "Go on").wire() == "354 Go on\r\n");
    REQUIRE(Reply{250, std::nullopt, {"mx.cjsm.net", "SIZE 1000", "8BITMIME"}}.wire() ==
            "250-mx.cjsm.net\r\n250-SIZE 1000\r\n250 8BITMIME\r\n");
    REQUIRE(Reply{550, Status{1, 1}, {"No", "such user"}}.wire() == "550-5.1.1 No\r\n550 5.1.1 such user\r\n");
}

TEST_CASE("the class of the status follows the code")
{
    REQUIRE(Reply::of(450, {2, 0}, "x").wire() == "450 4.2.0 x\r\n");
    REQUIRE(Reply::of(550, {2, 0}, "x").wire() == "550 5.2.0 x\r\n");
    REQUIRE(Reply::of(354, {2, 0}, "x").wire() == "354 x\r\n");
}

TEST_CASE("a fault becomes 4xx or 5xx by its retry class alone")
{
    const Fault later = fault(Retry::later, "directory down").tell_peer(50, {4, 3}, "Try again");
    const Fault never = fault(Retry::never, "unknown").tell_peer(50, {1, 1}, "No such user");

    REQUIRE(Reply::from(later).wire() == "450 4.4.3 Try again\r\n");
    REQUIRE(Reply::from(never).wire() == "550 5.1.1 No such user\r\n");
    REQUIRE(Reply::from(later).transient());
    REQUIRE(Reply::from(never).permanent());
    REQUIRE(Reply::from(Fault(Retry::later, "secret detail")).summary().find("secret") == std::string::npos);
    REQUIRE(Reply::from(Fault(Retry::later, "x")).code == 451);
    REQUIRE(Reply::from(Fault(Retry::never, "x")).code == 554);
    REQUIRE(Reply::from(fault(Retry::later, "x").tell_peer(550, {0, 0}, "x")).transient());
}

TEST_CASE("no text can break a reply into two")
{
    const auto wire = Reply::of(550, {7, 1}, "no\r\n250 yes\nand\0more").wire();

    REQUIRE(wire.find("\r\n") == wire.size() - 2);
    REQUIRE(wire.find('\n') == wire.size() - 1);
}

TEST_CASE("a line stays within 512 bytes and ends with a whole character")
{
    for (std::size_t lead = 0; lead < 4; ++lead) {
        std::string text(lead, 'x');
        for (int i = 0; i < 1000; ++i) text += "\u00E9";
        const auto wire = Reply::of(550, {7, 1}, text).wire(true);
        REQUIRE(wire.size() <= 512);
        REQUIRE(wire.size() > 490);
        REQUIRE(is_utf8(wire));
    }
    REQUIRE(Reply::of(550, {7, 1}, std::string(501, 'x')).wire().size() <= 512);
    REQUIRE(Reply::of(250, {0, 0}, std::string(500, 'x')).wire().size() == 512);
}

TEST_CASE("text that is not ASCII goes only to a client that said SMTPUTF8")
{
    const auto reply = Reply::of(550, {1, 1}, "No \u00E9ric here");

    REQUIRE(reply.wire() == "550 5.1.1 No ?ric here\r\n");
    REQUIRE(reply.wire(true) == "550 5.1.1 No \u00E9ric here\r\n");
    REQUIRE(is_ascii(Reply::of(550, {1, 1}, "latin \xE9").wire(true)));
}

TEST_CASE("a reply without text is still a reply")
{
    REQUIRE(Reply{250, Status{0, 0}, {}}.wire() == "250 2.0.0\r\n");
    REQUIRE(Reply{221, std::nullopt, {""}}.wire() == "221 \r\n");
}

TEST_CASE("the summary is one line for the log")
{
    REQUIRE(Reply::of(250, {0, 0}, "Ok").summary() == "250 2.0.0 Ok");
    REQUIRE(Reply{550, Status{1, 1}, {"No", "such\nuser"}}.summary() == "550 5.1.1 No such?user");
}
