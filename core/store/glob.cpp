#include "store/glob.hpp"

#include "base/text.hpp"

namespace postern::store {

namespace {

/// Bytes of the UTF-8 character at `at`; a byte that starts none counts alone.
std::size_t character_at(std::string_view text, std::size_t at) noexcept
{
    std::size_t size = 1;
    while (at + size < text.size() && (static_cast<unsigned char>(text[at + size]) & 0xC0) == 0x80) ++size;
    return size;
}

}  // namespace

bool is_exact(std::string_view pattern) noexcept
{
    return pattern.find_first_of("*?") == pattern.npos;
}

bool glob_matches(std::string_view pattern, std::string_view text) noexcept
{
    std::size_t p = 0, t = 0;
    std::size_t star = pattern.npos, resume = 0;  // the last `*`, and where the text goes on behind what it took
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == '?') {
            ++p;
            t += character_at(text, t);
        } else if (p < pattern.size() && ascii_lower(pattern[p]) == ascii_lower(text[t])) {
            ++p;
            ++t;
        } else if (star != pattern.npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::int64_t hash_of(std::string_view text) noexcept
{
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(ascii_lower(c));
        hash *= 1099511628211ULL;
    }
    return static_cast<std::int64_t>(hash);
}

}  // namespace postern::store
