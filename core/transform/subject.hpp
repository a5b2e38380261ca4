// Tags in a Subject: is it there, put it in front, take it off. Used by entry.cpp and delivery.cpp.
//
// Pure functions, safe on any bytes, linear in the value. A tag is compared without regard to ASCII case and to the
// white space around it, in plain text and in encoded words (RFC 2047).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::transform {

/// Whether the subject carries the tag, anywhere at the beginning of a word.
[[nodiscard]] bool carries_tag(std::string_view value, std::string_view tag);

/// The subject with `prefix` in front; what was there stays as it is. A first line that grows beyond 78 bytes is
/// folded behind the prefix (RFC 5322 section 2.1.1).
[[nodiscard]] std::string put_tag(std::string_view value, std::string_view prefix);

/// The subject without the tag, if it stands at the beginning or behind words like "Re:", "AW:" or "[list]"; nothing
/// if it does not. Plain text around the tag keeps its bytes; an encoded word that held the tag is encoded anew.
[[nodiscard]] std::optional<std::string> take_tag(std::string_view value, std::string_view tag);

}  // namespace postern::transform
