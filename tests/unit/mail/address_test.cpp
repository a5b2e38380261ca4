// Mailboxes: what is one, when two spellings are the same, and the move to another domain.
#include "mail/address.hpp"

#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::mail;

namespace {

std::string key(std::string_view text)
{
    const auto address = Address::parse(text);
    return address ? address->key() : "refused";
}

}  // namespace

TEST_CASE("an address keeps its spelling and is compared without case")
{
    const auto address = Address::parse("Eric.Brown@Greenstone.Example");

    REQUIRE(address);
    REQUIRE(address->text() == "Eric.Brown@Greenstone.Example");
    REQUIRE(address->local() == "Eric.Brown");
    REQUIRE(address->domain().text() == "Greenstone.Example");
    REQUIRE(address->key() == "eric.brown@greenstone.example");
    REQUIRE(*address == *Address::parse("eric.brown@greenstone.example"));
    REQUIRE_FALSE(address->needs_utf8());
}

TEST_CASE("a quoted local part is kept as written and compared by its meaning")
{
    const auto address = Address::parse(R"("Eric\ Brown"@a.example)");

    REQUIRE(address);
    REQUIRE(address->text() == R"("Eric\ Brown"@a.example)");
    REQUIRE(address->local() == "Eric Brown");
    REQUIRE(address->key() == R"("eric brown"@a.example)");
    REQUIRE(key(R"("eric"@a.example)") == "eric@a.example");
    REQUIRE(key(R"("e\ric"@a.example)") == "eric@a.example");
    REQUIRE(key(R"("a@b"@a.example)") == R"("a@b"@a.example)");
    REQUIRE(key(R"("a\"\\b"@a.example)") == R"("a\"\\b"@a.example)");
    REQUIRE(key(R"(""@a.example)") == R"(""@a.example)");
    REQUIRE(key(R"("a..b"@a.example)") == R"("a..b"@a.example)");
}

TEST_CASE("every character of an atom is allowed in a local part")
{
    REQUIRE(key("!#$%&'*+-/=?^_`{|}~@a.example") == "!#$%&'*+-/=?^_`{|}~@a.example");
    REQUIRE(key("a+b=c@a.example") == "a+b=c@a.example");
}

TEST_CASE("addresses in UTF-8 need SMTPUTF8")
{
    const auto address = Address::parse("\u00E9ric@b\u00FCcher.example");

    REQUIRE(address);
    REQUIRE(address->needs_utf8());
    REQUIRE(address->key() == "\u00E9ric@xn--bcher-kva.example");
    REQUIRE(key("\"\u00E9 b\"@a.example") == "\"\u00E9 b\"@a.example");
}

TEST_CASE("malformed addresses are refused")
{
    const auto text =
        GENERATE(as<std::string>{}, "", "@", "a", "a@", "@a.example", ".a@b", "a.@b", "a..b@c", "a b@c", "a@b@c",
                 "<a@b>", "a@b ", " a@b", "a@b\r\n", "a\r\n@b", "a\t@b", "\"a@b", "\"a\"", "\"a\"b@c", "\"a\\",
                 "\"a\\\"@b", "\"a\nb\"@c", "\"a\\\nb\"@c", "a(c)@b", "a@b(c)", "@x:a@b", "a\"b\"@c", "\"a\".b@c",
                 "a,b@c", "a\\b@c", "a@[b", "\xFF@b", "\xC3@b", "\xC2\x80@b", "a\u2028b@c", "a\u202Eb@c",
                 "\"\xC2\x9F\"@b", "\"\\\u00E9\"@b", "\x7F@b", std::string("a\0b@c", 5));
    INFO(printable(text));
    REQUIRE_FALSE(Address::parse(text));
}

TEST_CASE("lengths of address and local part are bounded")
{
    REQUIRE(Address::parse(std::string(64, 'a') + "@b"));
    REQUIRE_FALSE(Address::parse(std::string(65, 'a') + "@b"));
    REQUIRE_FALSE(Address::parse("\"" + std::string(63, 'a') + "\"@b"));

    const std::string label(62, 'd');
    const std::string domain = label + "." + label + "." + label;  // 188
    REQUIRE(Address::parse(std::string(64, 'a') + "@" + domain + "e"));
    REQUIRE_FALSE(Address::parse(std::string(64, 'a') + "@" + domain + "ee"));
    REQUIRE_FALSE(Address::parse(std::string(1'000'000, 'a')));
}

TEST_CASE("an address moves to another domain with its local part as written")
{
    const auto inside = Domain::parse("a.example.cjsm.net");

    const auto moved = Address::parse(R"("Eric Brown"@A.example)")->at(*inside);

    REQUIRE(moved.text() == R"("Eric Brown"@a.example.cjsm.net)");
    REQUIRE(moved.local() == "Eric Brown");
    REQUIRE(moved.key() == R"("eric brown"@a.example.cjsm.net)");
    REQUIRE(moved == *Address::parse(moved.text()));
    REQUIRE(moved.at(*Domain::parse("A.example")).text() == R"("Eric Brown"@A.example)");
}

TEST_CASE("a refused address tells the peer what is wrong, in one short line")
{
    const auto refused = Address::parse("\r\n" + std::string(1000, 'x'));

    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().retry() == Retry::never);
    REQUIRE(refused.error().peer().status == Status{1, 3});
    REQUIRE(refused.error().peer().text.size() < 300);
    REQUIRE(refused.error().peer().text.find('\n') == std::string::npos);
    REQUIRE(Address::parse("a@-").error().peer().status == Status{1, 2});
}

TEST_CASE("a path is the address in angle brackets, or empty ones")
{
    REQUIRE(to_path(std::nullopt) == "<>");
    REQUIRE(to_path(*Address::parse("a@b")) == "<a@b>");
}
