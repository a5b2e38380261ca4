// Patterns that administrators type over addresses (base/glob.hpp), as far as an index can answer them.
#pragma once

#include "base/glob.hpp"

#include <cstdint>
#include <string_view>

namespace postern::store {

/// Whether the pattern has neither `*` nor `?`, and an index can answer it.
[[nodiscard]] bool is_exact(std::string_view pattern) noexcept;

/// Of the text in ASCII lower case; the same in every version of the program, since indices keep it (FNV-1a).
[[nodiscard]] std::int64_t hash_of(std::string_view text) noexcept;

}  // namespace postern::store
