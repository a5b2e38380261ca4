#include "base/text.hpp"

#include "base/unseen.hpp"

#include <algorithm>
#include <numeric>

namespace postern {

std::string to_lower(std::string_view text)
{
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), ascii_lower);
    return lower;
}

bool iequals(std::string_view a, std::string_view b) noexcept
{
    return std::ranges::equal(a, b, {}, ascii_lower, ascii_lower);
}

std::string_view trim(std::string_view text) noexcept
{
    constexpr std::string_view space = " \t\r\n";
    const auto first = text.find_first_not_of(space);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string to_hex(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    hex.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        hex += digits[static_cast<unsigned char>(c) >> 4];
        hex += digits[static_cast<unsigned char>(c) & 15];
    }
    return hex;
}

bool is_ascii(std::string_view text) noexcept
{
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_utf8(std::string_view text) noexcept
{
    for (std::size_t i = 0; i < text.size();) {
        const auto at = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
        const unsigned char lead = at(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((at(i + k) & 0xC0) != 0x80) return false;
        const unsigned char second = at(i + 1);
        if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
            (lead == 0xF4 && second > 0x8F))
            return false;
        i += length;
    }
    return true;
}

// A direction would make the rest of a line read backwards.
static void drop_unseen(std::string& text)
{
    for (std::size_t at = 0; at < text.size();)
        if (const auto bytes = unseen(std::string_view(text).substr(at)); bytes > 0)
            text.erase(at, bytes);
        else
            ++at;
}

std::string printable(std::string_view text, std::size_t longest)
{
    std::string shown(text.substr(0, longest));
    // A cut may have split a character: drop its beginning.
    if (text.size() > longest)
        while (!shown.empty() && !is_utf8(shown) && shown.size() + 4 > longest) shown.pop_back();
    const bool utf8 = is_utf8(shown);
    for (char& c : shown)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || (!utf8 && static_cast<unsigned char>(c) >= 0x80))
            c = '?';
    if (utf8) drop_unseen(shown);
    return text.size() > longest ? shown + "..." : shown;
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit)
{
    if (a.size() > b.size()) std::swap(a, b);
    if (b.size() - a.size() > limit) return limit + 1;
    std::vector<std::size_t> before(a.size() + 1), row(a.size() + 1), next(a.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t j = 1; j <= b.size(); ++j) {
        next[0] = j;
        for (std::size_t i = 1; i <= a.size(); ++i) {
            next[i] = std::min({row[i] + 1, next[i - 1] + 1, row[i - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                next[i] = std::min(next[i], before[i - 2] + 1);
        }
        if (*std::ranges::min_element(next) > limit) return limit + 1;
        before = row;
        row = next;
    }
    return std::min(row.back(), limit + 1);
}

std::string nearest(std::string_view text, const std::vector<std::string>& candidates)
{
    std::size_t best = std::max<std::size_t>(2, text.size() / 3);
    std::string found;
    for (const auto& candidate : candidates) {
        const auto distance = edit_distance(text, candidate, best);
        if (distance <= best && (found.empty() || distance < best)) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}

}  // namespace postern
