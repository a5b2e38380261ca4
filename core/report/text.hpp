// Text for the parts of a report: lines that people can read and that mail can carry. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::report {

/// One line from outside: controls become '?', at most `longest` bytes, white space at its ends goes. With `utf8`
/// well-formed UTF-8 stays; without, every byte over 0x7F becomes '?'.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t longest, bool utf8);

/// Text with LF or CRLF lines as CRLF lines of at most 72 characters where words allow; a line that goes on is
/// indented as far as it began. Blanks at line ends go, and so do all but one of several empty lines.
[[nodiscard]] std::string wrapped(std::string_view text);

/// Whether it can travel as 7bit (RFC 2045 section 2.7): ASCII without NUL, lines of at most 998 bytes.
[[nodiscard]] bool is_7bit(std::string_view text) noexcept;

/// RFC 2045 section 6.7, for text with CRLF lines.
[[nodiscard]] std::string quoted_printable(std::string_view text);

/// RFC 3461 section 4: "+41" as "A". What is no xtext stays as it is.
[[nodiscard]] std::string decode_xtext(std::string_view text);

}  // namespace postern::report
