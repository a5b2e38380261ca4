// Edits applied to an original, and their compact form for the database.
//
// Pure functions, on any thread. An edit that reaches beyond the original is cut to it, never read past it.
#include "mail/edit.hpp"

#include <algorithm>

namespace postern::mail {

namespace {

constexpr char format = '\x01';

void put_number(std::string& bytes, std::uint64_t number)
{
    while (number >= 0x80) {
        bytes += static_cast<char>(0x80 | (number & 0x7F));
        number >>= 7;
    }
    bytes += static_cast<char>(number);
}

/// Takes one number off the front; false if there is none, or it is not in the shortest form.
bool take_number(std::string_view& bytes, std::uint64_t& number)
{
    number = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (shift == 63 && byte > 1) return false;
        number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) return byte != 0 || shift == 0;
    }
    return false;
}

/// FNV-1a, 32 bits: finds damage, not malice.
std::uint32_t checksum(std::string_view bytes) noexcept
{
    std::uint32_t sum = 2166136261U;
    for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 16777619U;
    return sum;
}

auto damaged(std::string_view why)
{
    return fault(Retry::later, "stored edits are damaged: " + std::string(why));
}

}  // namespace

std::vector<std::string_view> apply(std::string_view original, const Edits& edits)
{
    std::vector<std::string_view> pieces;
    pieces.reserve(edits.size() * 2 + 1);
    std::size_t sent = 0;
    for (const Edit& edit : edits) {
        const std::size_t from = std::clamp<std::uint64_t>(edit.offset, sent, original.size());
        if (from > sent) pieces.push_back(original.substr(sent, from - sent));
        if (!edit.text.empty()) pieces.emplace_back(edit.text);
        sent = from + std::min<std::uint64_t>(edit.removed, original.size() - from);
    }
    if (sent < original.size()) pieces.push_back(original.substr(sent));
    return pieces;
}

std::string applied(std::string_view original, const Edits& edits)
{
    std::string result;
    result.reserve(applied_size(original.size(), edits));
    for (const auto piece : apply(original, edits)) result += piece;
    return result;
}

std::uint64_t applied_size(std::uint64_t original_size, const Edits& edits) noexcept
{
    std::uint64_t size = original_size;
    std::uint64_t reached = 0;
    for (const Edit& edit : edits) {
        const std::uint64_t from = std::clamp<std::uint64_t>(edit.offset, reached, original_size);
        const std::uint64_t removed = std::min(edit.removed, original_size - from);
        reached = from + removed;
        size = size - removed + edit.text.size();
    }
    return size;
}

std::string encode(const Edits& edits)
{
    if (edits.empty()) return {};
    std::string bytes(1, format);
    std::uint64_t reached = 0;
    put_number(bytes, edits.size());
    for (const Edit& edit : edits) {
        put_number(bytes, edit.offset - reached);
        put_number(bytes, edit.removed);
        put_number(bytes, edit.text.size());
        bytes += edit.text;
        reached = edit.offset + edit.removed;
    }
    const std::uint32_t sum = checksum(bytes);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((sum >> shift) & 0xFF);
    return bytes;
}

Result<Edits> decode_edits(std::string_view bytes)
{
    if (bytes.empty()) return Edits{};
    if (bytes.size() < 6 || bytes.front() != format) return damaged("unknown format");
    std::uint32_t sum = 0;
    for (unsigned i = 0; i < 4; ++i)
        sum |= std::uint32_t{static_cast<unsigned char>(bytes[bytes.size() - 4 + i])} << (8 * i);
    bytes.remove_suffix(4);
    if (checksum(bytes) != sum) return damaged("wrong checksum");
    bytes.remove_prefix(1);

    std::uint64_t count = 0;
    if (!take_number(bytes, count) || count == 0 || count > bytes.size()) return damaged("wrong count");
    Edits edits;
    edits.reserve(count);
    std::uint64_t reached = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::uint64_t gap = 0;
        std::uint64_t removed = 0;
        std::uint64_t size = 0;
        if (!take_number(bytes, gap) || !take_number(bytes, removed) || !take_number(bytes, size))
            return damaged("cut short");
        if (size > bytes.size() || gap > UINT64_MAX - reached || removed > UINT64_MAX - reached - gap)
            return damaged("number out of range");
        edits.push_back({reached + gap, removed, std::string(bytes.substr(0, size))});
        bytes.remove_prefix(size);
        reached += gap + removed;
    }
    if (!bytes.empty()) return damaged("bytes left over");
    return edits;
}

}  // namespace postern::mail
