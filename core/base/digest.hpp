// SHA-256 of bytes: names for contents, and proof that they are the same.
//
// Pure; any thread. Throws std::runtime_error only where OpenSSL lacks SHA-256, which is a broken machine.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace postern {

using Digest = std::array<unsigned char, 32>;

[[nodiscard]] Digest sha256(std::string_view bytes);
/// The same as 32 bytes of text, as databases and lists keep it.
[[nodiscard]] std::string sha256_bytes(std::string_view bytes);
/// The same as 64 lower-case hexadecimal digits, as people read it.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace postern
