#include "base/glob.hpp"

#include "base/text.hpp"

namespace postern {

namespace {

/// Bytes of the UTF-8 character at `at`; a byte that starts none counts alone.
std::size_t character_at(std::string_view text, std::size_t at) noexcept
{
    std::size_t size = 1;
    while (at + size < text.size() && (static_cast<unsigned char>(text[at + size]) & 0xC0) == 0x80) ++size;
    return size;
}

}  // namespace

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
            // Only the last star needs to be tried again: what stood before it has matched already.
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace postern
