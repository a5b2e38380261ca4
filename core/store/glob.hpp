// Patterns that administrators type over addresses: `*` for any text, `?` for one character, ASCII case-blind.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::store {

/// Whether the pattern has neither `*` nor `?`, and an index can answer it.
[[nodiscard]] bool is_exact(std::string_view pattern) noexcept;
/// Takes at most size of pattern times size of text steps.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

/// Of the text in ASCII lower case; the same in every version of the program, since indices keep it (FNV-1a).
[[nodiscard]] std::int64_t hash_of(std::string_view text) noexcept;

}  // namespace postern::store
