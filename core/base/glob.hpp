// Patterns that people write over text: `*` for any characters, `?` for one, ASCII case-blind. Pure; safe on any bytes.
#pragma once

#include <string_view>

namespace postern {

/// Whether the pattern covers the whole text. `?` takes one UTF-8 character; a byte that starts none counts alone.
/// Takes at most size of pattern times size of text steps.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

}  // namespace postern
