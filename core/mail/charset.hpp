// Bytes in the charsets of mail as UTF-8. Pure functions on any thread, safe on any bytes.
#pragma once

#include <string>
#include <string_view>

namespace postern::mail {

/// How many bytes the UTF-8 character at the front has; 0 if there is none. `text` is not empty.
[[nodiscard]] std::size_t character_size(std::string_view text) noexcept;

/// What becomes of line ends: one line has none, a text keeps its LF.
enum class Lines { join, keep };

/// Appends what is well formed; each other byte becomes U+FFFD, each CR, LF and NUL a space. With Lines::keep LF stays
/// and CR goes.
void append_utf8(std::string& out, std::string_view text, Lines lines = Lines::join);

/// Appends bytes in that charset (its name in lower case) as append_utf8() does; false if it is not known here.
[[nodiscard]] bool append_converted(std::string& out, const std::string& charset, std::string_view bytes,
                                    Lines lines = Lines::join);

}  // namespace postern::mail
