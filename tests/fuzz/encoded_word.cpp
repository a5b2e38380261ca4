// room: mail
// RFC 2047: decoding gives one line of UTF-8, and what we encode decodes to itself within the limits of lines.
#include "base/text.hpp"
#include "mail/header.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::mail;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

}  // namespace

/// The first byte is the number of bytes that stand on the line already.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const std::string_view value(reinterpret_cast<const char*>(data) + 1, size - 1);

    const std::string text = decode_text(value, 5000);
    must(text.size() <= 5000 && is_utf8(text) && text == trim(text));
    must(text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos);

    const std::string encoded = encode_text(text, data[0]);
    for (const char c : encoded) must((c >= ' ' && c < 0x7F) || c == '\r' || c == '\n');
    must(decode_text(encoded, 20'000) == text);
    const bool words = !text.empty() && encoded.find("=?utf-8?") != encoded.npos;
    for (std::size_t at = 0, column = data[0]; words && at < encoded.size(); column = 0) {
        const auto end = std::min(encoded.find("\r\n", at), encoded.size());
        must(end == 0 || column + end - at <= 76);
        must(end == encoded.size() || encoded[end + 2] == ' ');
        at = end + 2;
    }
    static_cast<void>(encode_text(value, data[0]));
    return 0;
}
