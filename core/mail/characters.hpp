// The character classes of RFC 5322 and RFC 6532 that the parsers of this room share.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace postern::mail {

namespace detail {

constexpr std::array<bool, 256> make_atom_table()
{
    std::array<bool, 256> table{};
    for (std::size_t c = 'a'; c <= 'z'; ++c) table[c] = table[c - 32] = true;
    for (std::size_t c = '0'; c <= '9'; ++c) table[c] = true;
    for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) table[static_cast<unsigned char>(c)] = true;
    for (std::size_t c = 0x80; c < 0x100; ++c) table[c] = true;
    return table;
}

inline constexpr std::array<bool, 256> atom_table = make_atom_table();

}  // namespace detail

/// RFC 5322 atext; every byte of a UTF-8 character counts as one (RFC 6532 section 3.2).
[[nodiscard]] constexpr bool is_atext(char c) noexcept
{
    return detail::atom_table[static_cast<unsigned char>(c)];
}

/// RFC 5322 ftext: what a field's name is made of.
[[nodiscard]] constexpr bool is_field_name(char c) noexcept
{
    return c > ' ' && c < 0x7F && c != ':';
}

[[nodiscard]] constexpr bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t';
}

/// A control of ASCII, DEL included.
[[nodiscard]] constexpr bool is_control(char c) noexcept
{
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// Atoms separated by single dots.
[[nodiscard]] constexpr bool is_dot_atom(std::string_view text) noexcept
{
    bool after_dot = true;
    for (const char c : text) {
        if (c == '.' ? after_dot : !is_atext(c)) return false;
        after_dot = c == '.';
    }
    return !after_dot;
}

/// As an RFC 5322 quoted-string. Controls are the caller's business.
[[nodiscard]] inline std::string quote(std::string_view text)
{
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted += '"';
}

}  // namespace postern::mail
