#include "store/glob.hpp"

#include "base/text.hpp"

namespace postern::store {

bool is_exact(std::string_view pattern) noexcept
{
    return pattern.find_first_of("*?") == pattern.npos;
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
