// Small things about text that several rooms need: ASCII case, hexadecimal, what may be shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern {

[[nodiscard]] constexpr char ascii_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
[[nodiscard]] std::string to_lower(std::string_view text);
/// Equality without regard to ASCII case; other bytes must be the same.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
[[nodiscard]] std::string to_hex(std::string_view bytes);
/// Well-formed UTF-8 without surrogates or overlong forms (RFC 3629).
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
[[nodiscard]] bool is_ascii(std::string_view text) noexcept;
/// For replies, logs and terminals: controls become '?', at most `longest` bytes, cut text ends in "...".
[[nodiscard]] std::string printable(std::string_view text, std::size_t longest = 200);
/// Optimal string alignment distance, at most `limit` (returns limit + 1 beyond it): for "did you mean".
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);
/// The candidate nearest to `text` within a third of its length (at least 2), or empty: "did you mean".
[[nodiscard]] std::string nearest(std::string_view text, const std::vector<std::string>& candidates);

/// Lets unordered maps with std::string keys be asked with a string_view, without a copy.
struct TextHash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept
    {
        return std::hash<std::string_view>{}(text);
    }
};

}  // namespace postern
