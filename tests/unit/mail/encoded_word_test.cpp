// RFC 2047 encoded words, in both directions.
#include "mail/header.hpp"

#include "base/text.hpp"

#include <catch2/catch.hpp>
#include <chrono>

using namespace postern;
using namespace postern::mail;

TEST_CASE("encoded words become text")
{
    const auto [value, expected] = GENERATE(table<std::string, std::string>({
        {" Plain text ", "Plain text"},
        {"=?utf-8?Q?caf=C3=A9_au_lait?=", "caf\u00E9 au lait"},
        {"=?UTF-8?b?Y2Fmw6k=?=", "caf\u00E9"},
        {"=?UTF-8?B?Y2Fmw6k?=", "caf\u00E9"},
        {"=?iso-8859-1?q?caf=E9?=", "caf\u00E9"},
        {"=?ISO-8859-15?Q?=A4_5?=", "\u20AC 5"},
        {"=?windows-1252?Q?=80_5?=", "\u20AC 5"},
        {"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\u65E5\u672C"},
        {"=?koi8-r?Q?=E4=C1?=", "\u0414\u0430"},
        {"=?ks_c_5601-1987?B?x9E=?=", "\uD55C"},
        {"=?us-ascii*en-GB?Q?colour?=", "colour"},
        {"=?utf-8*de?Q?=C3=BC?=", "\u00FC"},
        {"Re: =?utf-8?Q?a?= b", "Re: a b"},
        {"(=?utf-8?Q?a?=)", "(a)"},
        {"a\r\n b", "a b"},
        {"\r\n a", "a"},
        {"=?utf-8?Q?\?=", ""},
        {"raw \u00E9", "raw \u00E9"},
    }));
    INFO(value);
    REQUIRE(decode_text(value) == expected);
}

TEST_CASE("white space between encoded words is dropped, and only there")
{
    REQUIRE(decode_text("=?utf-8?Q?a?= =?utf-8?Q?b?=") == "ab");
    REQUIRE(decode_text("=?utf-8?Q?a?=\r\n =?iso-8859-1?Q?=E9?=") == "a\u00E9");
    REQUIRE(decode_text("=?utf-8?Q?a?= b =?utf-8?Q?c?=") == "a b c");
    REQUIRE(decode_text("=?utf-8?Q?a?= =?utf-8?Q?b?= c") == "ab c");
    REQUIRE(decode_text("=?utf-8?Q?a?= =?bad") == "a =?bad");
}

TEST_CASE("a character split over two words is put together")
{
    REQUIRE(decode_text("=?utf-8?Q?=E2=82?= =?UTF-8?Q?=AC?=") == "\u20AC");
    REQUIRE(decode_text("=?utf-8?B?4oI=?=\r\n\t=?utf-8?Q?=AC?=") == "\u20AC");
    REQUIRE(decode_text("=?gb2312?Q?=D6?= =?gb2312?Q?=D0?=") == "\u4E2D");
}

TEST_CASE("what is malformed or unknown stays as written")
{
    const auto value = GENERATE(
        as<std::string>{}, "=?", "=?\?=", "=?utf-8?=", "=?utf-8?Q?", "=?utf-8?Q?a", "=?utf-8?Q?a?", "=?utf-8?X?a?=",
        "=?utf-8?Q?=G1?=", "=?utf-8?Q?=C?=", "=?utf-8?B?!!!?=", "=?utf-8?B?A?=", "=?utf-8?Q?a b?=", "=?x-unknown?Q?a?=",
        "=?x-unknown?Q?a?= =?x-unknown?Q?b?=", "=??Q?a?=", "=?../../x?Q?a?=", "=?utf-16//TRANSLIT?Q?a?=", "=?=?=?=?=");
    INFO(value);
    REQUIRE(decode_text(value) == value);
}

TEST_CASE("decoded text is one line of well-formed UTF-8")
{
    REQUIRE(decode_text("=?utf-8?Q?a=0D=0ABcc:_b=00c?=") == "a  Bcc: b c");
    REQUIRE(decode_text("=?utf-8?Q?a=FFb?=") == "a\uFFFDb");
    REQUIRE(decode_text("raw \xE9 latin") == "raw \uFFFD latin");
    REQUIRE(decode_text("=?utf-16be?Q?=D8=00?=") == "\uFFFD");
    REQUIRE(decode_text("a\r\nb\nc") == "a  b c");
}

TEST_CASE("decoded text is cut at a whole character")
{
    REQUIRE(decode_text("=?utf-8?Q?=E2=82=AC=E2=82=AC?=", 5) == "\u20AC");
    REQUIRE(decode_text("abcdef", 3) == "abc");
    REQUIRE(decode_text(std::string(20'000, 'x')).size() == 10'000);
}

TEST_CASE("text becomes a header value that decodes to itself")
{
    const auto text =
        GENERATE(as<std::string>{}, "", "Hearing on Monday", "caf\u00E9", "\u65E5\u672C\u8A9E\u306E\u4EF6\u540D",
                 "=?utf-8?Q?not_meant?=", "a \u20AC b  c", "\U0001F600\U0001F600", "?=_= \u00E9 ?=");
    INFO(text);
    REQUIRE(decode_text(encode_text(text, 9)) == text);
    REQUIRE(is_ascii(encode_text(text, 9)));
}

TEST_CASE("printable ASCII stays as it is, folded between words")
{
    REQUIRE(encode_text("Hearing", 9) == "Hearing");
    std::string longer;
    for (int i = 0; i < 40; ++i) longer += "word  ";
    const auto folded = encode_text(longer + "x", 9);
    REQUIRE(folded.find("\r\n ") < 68);
    REQUIRE(decode_text(folded) == longer + "x");
}

TEST_CASE("the shorter encoding is taken")
{
    REQUIRE(encode_text("the caf\u00E9 is open", 9) == "=?utf-8?Q?the_caf=C3=A9_is_open?=");
    REQUIRE(encode_text("\u65E5\u672C", 9) == "=?utf-8?B?5pel5pys?=");
}

TEST_CASE("encoded words are at most 75 long, lines 76, and split no character")
{
    const std::string unit =
        GENERATE(as<std::string>{}, "\u00E9", "\u20AC", "\U0001F600", "a\u00E9", "ab\u20AC ", "aaaaaaaaaa\u00E9");
    const std::size_t used = GENERATE(0U, 1U, 9U, 30U, 39U, 40U, 41U, 60U, 75U, 76U, 500U);
    std::string text;
    while (text.size() < 500) text += unit;
    const std::string value = encode_text(text + "x", used);

    std::size_t column = used;
    for (std::size_t at = 0; at < value.size();) {
        const auto end = std::min(value.find("\r\n", at), value.size());
        column += end - at;
        if (at > 0 || end > 0) REQUIRE(column <= 76);
        const auto word = trim(std::string_view(value).substr(at, end - at));
        REQUIRE(word.size() <= 75);
        REQUIRE(decode_text(word).find("\uFFFD") == std::string::npos);
        at = end + 2;
        column = 0;
    }
    REQUIRE(decode_text(value) == text + "x");
}

TEST_CASE("no text can break out of its value")
{
    const auto value = encode_text("a\r\nBcc: b\n\u00E9\r", 9);

    REQUIRE(decode_text(value) == "a  Bcc: b \u00E9");
    REQUIRE(encode_text("a\r\nBcc: b", 9) == "a  Bcc: b");
    REQUIRE(decode_text(encode_text("bad \xFF", 9)) == "bad \uFFFD");
}

TEST_CASE("hostile values are decoded in linear time")
{
    const std::string unit =
        GENERATE(as<std::string>{}, "=?", "=?a?q?",
                 "=?utf-8?q?\?= ", "=?utf-8?q?a?= ", "=?gbk?q?a?= =?big5?q?b?= ", "=?utf-8?q?====", "=?aaaaaaa", " ",
                 "\r\n ", "\xC3", "=?x-u?q?a?= ", "=?gbk?q?\?= =?big5?q?\?= ");
    std::string value;
    while (value.size() < 256 * 1024) value += unit;

    const auto start = std::chrono::steady_clock::now();
    REQUIRE(decode_text(value).size() <= 10'000);
    REQUIRE(decode_text("=?utf-8?q?a?= " + value).size() <= 10'000);

    INFO(unit);
    REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}
