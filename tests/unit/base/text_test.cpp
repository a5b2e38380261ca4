// Text helpers: UTF-8, what may be shown, "did you mean".
#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace postern;

TEST_CASE("case is that of ASCII")
{
    REQUIRE(to_lower("AbZ\u00C9[") == "abz\u00C9[");
    REQUIRE(iequals("Subject", "sUBJECT"));
    REQUIRE_FALSE(iequals("Subject", "Subjects"));
    REQUIRE_FALSE(iequals("\u00C9", "\u00E9"));
    REQUIRE_FALSE(iequals("@", "`"));
}

TEST_CASE("white space is trimmed at both ends")
{
    REQUIRE(trim(" \t\r\na b\r\n") == "a b");
    REQUIRE(trim(" \r\n").empty());
    REQUIRE(trim("").empty());
}

TEST_CASE("bytes are shown in hexadecimal")
{
    REQUIRE(to_hex(std::string_view("\x00\x7F\xFF", 3)) == "007fff");
    REQUIRE(to_hex("").empty());
}

TEST_CASE("well-formed UTF-8 is told from what only looks like it")
{
    for (const auto* good :
         {"", "a", "\u0080", "\u07FF", "\u0800", "\uD7FF", "\uE000", "\uFFFF", "\U00010000", "\U0010FFFF"})
        REQUIRE(is_utf8(good));
    for (const auto* bad :
         {"\x80", "\xC3", "\xC3(", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xFE", "\xF0\x9F\x98"})
        REQUIRE_FALSE(is_utf8(bad));
}

TEST_CASE("what is shown holds no controls and is cut at a whole character")
{
    REQUIRE(printable("a\r\n\tb\x7F") == "a???b?");
    REQUIRE(printable("\u00E9t\u00E9") == "\u00E9t\u00E9");
    REQUIRE(printable("caf\xE9") == "caf?");
    REQUIRE(printable("invoice\u202Efdp.exe\u200B") == "invoicefdp.exe");
    REQUIRE(printable("abcdef", 3) == "abc...");
    REQUIRE(printable("ab\u20ACd", 4) == "ab...");
    REQUIRE(printable("ab\u20ACd", 5) == "ab\u20AC...");
    REQUIRE(printable("abc", 3) == "abc");
    REQUIRE(printable("abc", 0) == "...");
    REQUIRE(is_utf8(printable(std::string(500, '\xE9'))));
}

TEST_CASE("edit distance counts letters changed, added, left out and swapped, up to its limit")
{
    REQUIRE(edit_distance("mesage", "message", 5) == 1);
    REQUIRE(edit_distance("emssage", "message", 5) == 1);
    REQUIRE(edit_distance("kitten", "sitting", 5) == 3);
    REQUIRE(edit_distance("", "abc", 5) == 3);
    REQUIRE(edit_distance("same", "same", 0) == 0);
    REQUIRE(edit_distance("abcdef", "uvwxyz", 2) == 3);
    REQUIRE(edit_distance("a", "abcdefgh", 2) == 3);
}

TEST_CASE("the nearest candidate is suggested, and none when all are far")
{
    REQUIRE(nearest("mesage_size", {"recipients", "message_size", "messages"}) == "message_size");
    REQUIRE(nearest("zzzz", {"recipients", "message_size"}).empty());
    REQUIRE(nearest("x", {}).empty());
}
