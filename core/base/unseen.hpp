// Characters that nobody sees, and that make a text read differently from what it holds.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace postern {

/// How many bytes at the beginning of this UTF-8 are one such character: a C1 control, a soft hyphen (U+00AD), of zero
/// width (U+200B to U+200F, U+2060 to U+206F, U+FEFF), a direction (U+202A to U+202E), a variation (U+FE00 to U+FE0F).
/// 0: none, or the text is empty.
[[nodiscard]] std::size_t unseen(std::string_view text) noexcept;

}  // namespace postern
