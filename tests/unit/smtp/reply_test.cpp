// Replies as servers send them, well and badly.
#include "smtp/reply_reader.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::smtp;

namespace {

std::string summary(std::string_view bytes)
{
    ReplyReader reader;
    reader.receive(bytes);
    const auto reply = reader.next();
    if (!reply) return "fault";
    return *reply ? (*reply)->summary() : "more";
}

}  // namespace

TEST_CASE("replies of one and many lines are read, and the status is taken off each line")
{
    ReplyReader reader;
    reader.receive("250-2.1.0 One\r\n250-2.1.0\r\n250 2.1.0 Three\r\n550 5.1.1 No");
    const auto first = reader.next().value().value();
    REQUIRE(first.code == 250);
    REQUIRE(first.status == Status{1, 0});
    REQUIRE(first.lines == std::vector<std::string>{"One", "", "Three"});
    REQUIRE_FALSE(reader.next().value());
    REQUIRE(reader.has_input());
    reader.receive(" body\r\n");
    REQUIRE(reader.next().value()->summary() == "550 5.1.1 No body");
    REQUIRE_FALSE(reader.has_input());
}

TEST_CASE("a status counts only when its class is the code's")
{
    REQUIRE(summary("550 4.1.1 x\r\n") == "550 4.1.1 x");
    ReplyReader reader;
    reader.receive("550 4.1.1 x\r\n550 5.1111.1 x\r\n550 5.1.1x\r\n");
    for (int i = 0; i < 3; ++i) REQUIRE_FALSE(reader.next().value()->status);
}

TEST_CASE("replies in odd but readable form are read")
{
    REQUIRE(summary("250\r\n") == "250");
    REQUIRE(summary("250 Ok\n") == "250 Ok");
    REQUIRE(summary("250 a\x01z\r\n") == "250 a?z");
}

TEST_CASE("what is no reply or has no end is a fault")
{
    REQUIRE(summary("\r\n") == "fault");
    REQUIRE(summary("150 x\r\n") == "fault");
    REQUIRE(summary("2x0 x\r\n") == "fault");
    REQUIRE(summary("250-x\r\n251 x\r\n") == "fault");
    REQUIRE(summary("250 " + std::string(2000, 'x')) == "fault");
    std::string many;
    for (int i = 0; i < 101; ++i) many += "250-x\r\n";
    REQUIRE(summary(many) == "fault");
    std::string large;
    for (int i = 0; i < 40; ++i) large += "250-" + std::string(1900, 'x') + "\r\n";
    REQUIRE(summary(large) == "fault");
}
