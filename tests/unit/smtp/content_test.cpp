// Framing of content, in and out: ends, flaws, limits, splits.
#include "smtp/content.hpp"

#include "smtp/outgoing.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace postern::smtp;
using namespace std::string_literals;

namespace {

struct Read {
    bool ended = false;
    std::size_t used = 0;
    std::string content;
    std::optional<Flaw> flaw;
    friend bool operator==(const Read&, const Read&) = default;
};

Read read_data(std::string_view bytes, const ContentLimits& limits, std::mt19937* random)
{
    ContentReader reader(limits);
    Read result;
    while (result.used < bytes.size() && !reader.ended()) {
        const std::size_t left = bytes.size() - result.used;
        const std::size_t size = random == nullptr ? left : std::min<std::size_t>(left, 1 + (*random)() % 5);
        result.used += reader.feed_data(bytes.substr(result.used, size));
    }
    result.ended = reader.ended();
    result.flaw = reader.flaw();
    result.content = reader.take();
    return result;
}

Read read_data(std::string_view bytes, const ContentLimits& limits = {})
{
    return read_data(bytes, limits, nullptr);
}

Flaw::Kind flaw_of(std::string_view bytes, const ContentLimits& limits = {})
{
    const auto result = read_data(bytes, limits);
    REQUIRE(result.ended);
    REQUIRE(result.used == bytes.size());
    REQUIRE(result.flaw);
    REQUIRE(result.content.empty());
    return result.flaw->kind;
}

}  // namespace

TEST_CASE("a content ends at a line that holds a dot alone, and stuffed dots are taken out")
{
    REQUIRE(read_data(".\r\n").ended);
    REQUIRE(read_data("..\r\n.\r\n").content == ".\r\n");
    REQUIRE(read_data("a\r\n..b\r\n.c\r\n\r\n.\r\n").content == "a\r\n.b\r\nc\r\n\r\n");
    REQUIRE(read_data("a\r\n.\r\nQUIT\r\n").used == 6);
    REQUIRE_FALSE(read_data("a\r\n..\r\n").ended);
    REQUIRE_FALSE(read_data("a.\r\n").ended);
}

TEST_CASE("what other servers take for the end is no end here, and the content is refused")
{
    for (const auto* smuggled : {"\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r", "\n.\r", "\r\n\n.\r\n",
                                 "\r\r\n.\n", "\r\n.\r\r\n", "\r\n.\r.\r\n"}) {
        const std::string bytes = "Subject: x\r\n\r\nbody"s + smuggled + "MAIL FROM:<evil@x.example>\r\nx\r\n.\r\n";
        CAPTURE(smuggled);
        const auto kind = flaw_of(bytes);
        REQUIRE((kind == Flaw::Kind::bare_cr || kind == Flaw::Kind::bare_lf));
    }
}

TEST_CASE("a flaw is named by its line")
{
    REQUIRE(read_data("a\r\nb\r\nc\nd\r\n.\r\n").flaw == Flaw{Flaw::Kind::bare_lf, 3});
    REQUIRE(read_data("a\rb\r\n.\r\n").flaw == Flaw{Flaw::Kind::bare_cr, 1});
    REQUIRE(reply_for({Flaw::Kind::bare_lf, 3}, {}).summary() ==
            "550 5.5.2 Line 3 of the message ends in LF without CR");
}

TEST_CASE("NUL is refused unless it is allowed")
{
    REQUIRE(flaw_of("a\0b\r\n.\r\n"s) == Flaw::Kind::nul);
    ContentLimits limits;
    limits.allow_nul = true;
    REQUIRE(read_data("a\0b\r\n.\r\n"s, limits).content == "a\0b\r\n"s);
}

TEST_CASE("a line and a content may be as long as the limit and no longer")
{
    ContentLimits limits;
    limits.line = 10;
    REQUIRE(read_data(std::string(10, 'x') + "\r\n.\r\n", limits).content.size() == 12);
    REQUIRE(flaw_of(std::string(11, 'x') + "\r\n.\r\n", limits) == Flaw::Kind::long_line);
    REQUIRE(read_data("." + std::string(10, 'x') + "\r\n.\r\n", limits).content.size() == 12);
    limits.bytes = 12;
    REQUIRE(read_data(std::string(10, 'x') + "\r\n.\r\n", limits).content.size() == 12);
    REQUIRE(flaw_of("x\r\n" + std::string(8, 'x') + "\r\n.\r\n", limits) == Flaw::Kind::over_size);
}

TEST_CASE("however a content is split, the result is the same")
{
    std::mt19937 random(1);
    const std::vector<std::string> words = {"\r\n", "\r\n", "\r\n", ".", "..", "\r\n.\r\n", "a", "bc", "longer word"};
    const std::vector<std::string> bad = {"\r", "\n", "\n.\n", "\r\n.\n", "\r.\r\n", "\0"s};
    ContentLimits limits;
    limits.line = 30;
    limits.bytes = 120;
    for (int round = 0; round < 4000; ++round) {
        std::string bytes;
        for (std::size_t i = random() % 30; i > 0; --i)
            bytes += random() % 8 == 0 ? bad[random() % bad.size()] : words[random() % words.size()];
        const auto whole = read_data(bytes, limits);
        CAPTURE(bytes);
        for (int again = 0; again < 3; ++again) REQUIRE(read_data(bytes, limits, &random) == whole);
        // The true end, by definition.
        const std::size_t end = ("\r\n" + bytes).find("\r\n.\r\n");
        REQUIRE(whole.ended == (end != bytes.npos));
        if (whole.ended) REQUIRE(whole.used == end + 3);
    }
}

TEST_CASE("chunks are content as it is, across their borders too")
{
    ContentReader reader({});
    for (const auto* chunk : {".\r", "\n.", ".x\r\n", ".\r\n"}) reader.feed_chunk(chunk);
    reader.end_chunks();
    REQUIRE_FALSE(reader.flaw());
    REQUIRE_FALSE(reader.completed_last_line());
    REQUIRE(reader.take() == ".\r\n..x\r\n.\r\n");
}

TEST_CASE("a last chunk without CRLF gets one, but a CR without LF is a flaw")
{
    ContentReader reader({});
    reader.feed_chunk("a");
    reader.end_chunks();
    REQUIRE(reader.completed_last_line());
    REQUIRE(reader.take() == "a\r\n");

    ContentReader flawed({});
    flawed.feed_chunk("a\r");
    flawed.end_chunks();
    REQUIRE(flawed.flaw() == Flaw{Flaw::Kind::bare_cr, 1});
}

TEST_CASE("what the client stuffs the server unstuffs, wherever pieces begin")
{
    std::mt19937 random(2);
    const std::vector<std::string> words = {"\r\n", ".", "..", "a", ".\r\n", "bc.d"};
    for (int round = 0; round < 2000; ++round) {
        std::string content;
        for (std::size_t i = random() % 20; i > 0; --i) content += words[random() % words.size()];
        std::vector<std::string_view> pieces;
        for (std::size_t at = 0; at < content.size();) {
            const std::size_t size = std::min<std::size_t>(random() % 6, content.size() - at);
            pieces.push_back(std::string_view(content).substr(at, size));
            at += size;
        }
        Outgoing outgoing;
        outgoing.add_stuffed(pieces);
        std::string wire;
        for (const auto piece : outgoing.pieces()) wire += piece;
        const auto result = read_data(wire);
        CAPTURE(content, wire);
        REQUIRE(result.ended);
        REQUIRE(result.used == wire.size());
        if (!content.empty() && !content.ends_with("\r\n")) content += "\r\n";
        REQUIRE(result.content == content);
    }
}

TEST_CASE("content without dots at line starts goes out without a copy")
{
    const std::string content = "a.b\r\nc\r\n";
    Outgoing outgoing;
    outgoing.add("DATA\r\n");
    outgoing.add_stuffed({content});
    const auto pieces = outgoing.pieces();
    REQUIRE(pieces.size() == 3);
    REQUIRE(pieces[1].data() == content.data());
    REQUIRE(pieces[2] == ".\r\n");
}
