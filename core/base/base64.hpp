// Base 64 (RFC 4648 section 4), on one line. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nothing unless it is whole: padded, and without any other character.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace postern
