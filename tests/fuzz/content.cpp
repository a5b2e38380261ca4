// room: smtp
// Content framing: however the bytes are split, the same end, flaw and content; the end is CRLF "." CRLF alone.
#include "smtp/content.hpp"
#include "smtp/outgoing.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::smtp;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

struct Read {
    std::size_t used = 0;
    bool ended = false;
    std::optional<Flaw> flaw;
    std::string content;
    friend bool operator==(const Read&, const Read&) = default;
};

/// In pieces whose sizes follow from `seed`; in one piece where it is 0.
Read read(std::string_view bytes, const ContentLimits& limits, std::uint32_t seed, bool chunks)
{
    ContentReader reader(limits);
    Read result;
    while (result.used < bytes.size() && !reader.ended()) {
        seed = seed * 1664525U + (seed == 0 ? 0U : 1013904223U);
        const std::size_t piece = seed == 0 ? bytes.size() : 1 + (seed >> 24U) % 7;
        const auto part = bytes.substr(result.used, piece);
        if (chunks) reader.feed_chunk(part);
        result.used += chunks ? part.size() : reader.feed_data(part);
    }
    if (chunks) reader.end_chunks();
    result.ended = reader.ended();
    result.flaw = reader.flaw();
    result.content = reader.take();
    return result;
}

/// A content that was taken holds lines, and goes out and comes in again as it is.
void must_round_trip(const std::string& content, const ContentLimits& limits)
{
    for (std::size_t i = 0; i < content.size(); ++i) {
        if (content[i] == '\r') must(i + 1 < content.size() && content[i + 1] == '\n');
        if (content[i] == '\n') must(i > 0 && content[i - 1] == '\r');
    }
    Outgoing outgoing;
    const std::size_t half = content.size() / 2;
    outgoing.add_stuffed({std::string_view(content).substr(0, half), std::string_view(content).substr(half)});
    std::string wire;
    for (const auto piece : outgoing.pieces()) wire += piece;
    const Read again = read(wire, limits, 0, false);
    must(again.ended && !again.flaw && again.used == wire.size() && again.content == content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 4) return 0;
    ContentLimits limits;
    limits.line = data[0];
    limits.bytes = data[1] * 8ULL;
    limits.allow_nul = (data[2] & 1U) != 0;
    const std::uint32_t seed = data[3] + 1U;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);

    const Read whole = read(bytes, limits, 0, false);
    must(read(bytes, limits, seed, false) == whole);
    const std::size_t end = ("\r\n" + std::string(bytes)).find("\r\n.\r\n");
    must(whole.ended == (end != std::string::npos));
    if (whole.ended) must(whole.used == end + 3);
    if (whole.ended && !whole.flaw) must_round_trip(whole.content, limits);

    const Read chunks = read(bytes, limits, 0, true);
    must(read(bytes, limits, seed, true) == chunks);
    limits.bytes += 2;  // the last CRLF that end_chunks() may add
    if (!chunks.flaw) must_round_trip(chunks.content, limits);
    return 0;
}
