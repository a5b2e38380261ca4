// Address fields: which addresses stand in them, and at which byte their domains do.
#include "mail/header.hpp"

#include <catch2/catch.hpp>
#include <chrono>

using namespace postern;
using namespace postern::mail;

namespace {

/// The value with each domain found in it put into curly brackets: shows places exactly.
std::string marked(std::string_view value)
{
    Edits edits;
    for (const auto& place : find_addresses(value).places) {
        edits.push_back({place.domain_offset, 0, "{"});
        edits.push_back({place.domain_offset + place.domain_size, 0, "}"});
    }
    return applied(value, edits);
}

/// The addresses found, separated by spaces.
std::string found(std::string_view value)
{
    std::string text;
    for (const auto& place : find_addresses(value).places) text += (text.empty() ? "" : " ") + place.address.text();
    return text;
}

}  // namespace

TEST_CASE("domains are found at their bytes in well-formed lists")
{
    const auto [value, expected] = GENERATE(table<std::string, std::string>({
        {" eric@a.example", " eric@{a.example}"},
        {"<eric@a.example>", "<eric@{a.example}>"},
        {"Eric Brown <eric@a.example>", "Eric Brown <eric@{a.example}>"},
        {"Eric J. Brown <eric@a.example>, b@c", "Eric J. Brown <eric@{a.example}>, b@{c}"},
        {R"("Brown, Eric <x@y>" <eric@a.example>)", R"("Brown, Eric <x@y>" <eric@{a.example}>)"},
        {R"("a \" <x@y>, \\" <eric@a.example>)", R"("a \" <x@y>, \\" <eric@{a.example}>)"},
        {R"("e\"x@y"@a.example)", R"("e\"x@y"@{a.example})"},
        {"(x@y) eric@a.example (z@w)", "(x@y) eric@{a.example} (z@w)"},
        {"eric@a.example (a (nested \\) (x@y)) one, b@c)", "eric@{a.example} (a (nested \\) (x@y)) one, b@c)"},
        {"Eric\r\n <eric@a.example>,\r\n\tb@c", "Eric\r\n <eric@{a.example}>,\r\n\tb@{c}"},
        {"<@x.example,@y.example:eric@a.example>", "<@x.example,@y.example:eric@{a.example}>"},
        {"< @x , , @y : eric@a >", "< @x , , @y : eric@{a} >"},
        {",, a@b ,, c@d,", ",, a@{b} ,, c@{d},"},
        {"eric (c) . (d) brown @ (e) a . example", "eric (c) . (d) brown @ (e) {a . example}"},
        {"\u00C9ric <\u00E9ric@b\u00FCcher.example>", "\u00C9ric <\u00E9ric@{b\u00FCcher.example}>"},
        {"eric@[192.0.2.1], a@b", "eric@{[192.0.2.1]}, a@{b}"},
        {"Clerks: a@b, C <c@d>; , e@f", "Clerks: a@{b}, C <c@{d}>; , e@{f}"},
        {"Clerk [duty] <a@b>", "Clerk [duty] <a@{b}>"},
        {"=?utf-8?Q?x=40y?= <a@b>", "=?utf-8?Q?x=40y?= <a@{b}>"},
        {"a@b <a@B>", "a@b <a@{B}>"},
        {"latin \xE9 <a@b>", "latin \xE9 <a@{b}>"},
    }));
    INFO(value);
    REQUIRE(marked(value) == expected);
    REQUIRE_FALSE(find_addresses(value).malformed);
}

TEST_CASE("nothing is found where nothing is")
{
    const auto value = GENERATE(as<std::string>{}, "", " ", "\r\n ", ",", ", ,", "(a@b)", "()");

    REQUIRE(find_addresses(value).places.empty());
    REQUIRE_FALSE(find_addresses(value).malformed);
}

TEST_CASE("groups are told, with those in them")
{
    const auto list = find_addresses("a@b, Clerks: c@d, e@f;, g@h");

    REQUIRE(list.has_group);
    REQUIRE_FALSE(list.malformed);
    REQUIRE(list.places.size() == 4);
    REQUIRE_FALSE(list.places[0].in_group);
    REQUIRE(list.places[1].in_group);
    REQUIRE(list.places[2].in_group);
    REQUIRE_FALSE(list.places[3].in_group);

    const auto empty = find_addresses("undisclosed-recipients:;");
    REQUIRE(empty.has_group);
    REQUIRE(empty.places.empty());
    REQUIRE_FALSE(empty.malformed);
}

TEST_CASE("what is malformed is told, and the addresses beside it are found")
{
    const auto [value, expected] = GENERATE(table<std::string, std::string>({
        {"Eric Brown", ""},
        {"Eric Brown, a@b", "a@b"},
        {"<>", ""},
        {"<>, a@b", "a@b"},
        {"<eric>, a@b", "a@b"},
        {"a@b, eric@", "a@b"},
        {"@b, c@d", "c@d"},
        {"a@b c@d", "a@b"},
        {"<a@b> <c@d>", "a@b c@d"},
        {"<a@b> x, c@d", "a@b c@d"},
        {"x@y <a@b>", "a@b"},
        {"a@b; c@d", "a@b c@d"},
        {"G: a@b", "a@b"},
        {"G: a@b, H: c@d;", "a@b c@d"},
        {"<a@b", "a@b"},
        {"a@b>, c@d", "a@b c@d"},
        {"<<a@b>>", "a@b"},
        {"a@b.", ""},
        {"a..b@c, d@e", "d@e"},
        {".a@c, d@e", "d@e"},
        {"a b@c, d@e", "d@e"},
        {"a@b_c, d@e", "d@e"},
        {"a@[x, d@e", "d@e"},
        {"(open a@b", ""},
        {"a@b, \"open c@d", "a@b"},
        {"a@b, (open c@d", "a@b"},
        {"a\\@b, c@d", "c@d"},
        {"a@b)c, d@e", "a@b d@e"},
        {"mailto:a@b", "a@b"},
    }));
    INFO(value);
    REQUIRE(found(value) == expected);
    REQUIRE(find_addresses(value).malformed);
}

TEST_CASE("an obsolete local part in words has the meaning of its quoted form")
{
    REQUIRE(found(R"("eric" . brown@a)") == R"("eric.brown"@a)");
    REQUIRE(find_addresses(R"("eric" . brown@a)").places.at(0).address == *Address::parse("eric.brown@a"));
    REQUIRE(found("\"eric\r\n brown\"@a") == "\"eric brown\"@a");
    REQUIRE(found(R"("a\"b"@c)") == R"("a\"b"@c)");
}

TEST_CASE("a domain with white space in it is replaced whole")
{
    const auto list = find_addresses("eric@a . (x) example");

    REQUIRE(list.places.size() == 1);
    REQUIRE(list.places[0].address.domain().text() == "a.example");
    REQUIRE(list.places[0].domain_offset == 5);
    REQUIRE(list.places[0].domain_size == 15);
}

TEST_CASE("more addresses than anyone writes are cut, and told as malformed")
{
    std::string value;
    for (int i = 0; i < 10'000; ++i) value += "a@b,";
    REQUIRE(find_addresses(value).places.size() == 10'000);
    REQUIRE_FALSE(find_addresses(value).malformed);

    value += "a@b";
    REQUIRE(find_addresses(value).places.size() == 10'000);
    REQUIRE(find_addresses(value).malformed);
}

TEST_CASE("hostile lists are read in linear time")
{
    const std::string unit =
        GENERATE(as<std::string>{}, "(", ")", "[", "@[", "<", ">", "\"", "\\", "@", ":", ";", ",", ".", "a.", "a ",
                 "a@", "a@b,", "x,", "(()", "a@b<", "G:", "<@a,", "\"a\".", "a@b.", "=?", "\xC3");
    std::string value;
    while (value.size() < 256 * 1024) value += unit;

    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(find_addresses(value));
    static_cast<void>(find_addresses("a@b" + value));
    static_cast<void>(find_addresses("<" + value));

    INFO(unit);
    REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}
