// Base 64 (RFC 4648 section 4), on one line. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace postern {

[[nodiscard]] std::string to_base64(std::string_view bytes);

}  // namespace postern
