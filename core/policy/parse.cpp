#include "policy/parse.hpp"

#include "base/text.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

namespace postern::policy {

namespace {

template <class Number>
std::optional<Number> whole_text(const YamlNode& node) noexcept
{
    if (!node.is_text() || node.quoted) return {};
    Number number{};
    const char* const end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data(), end, number);
    if (error != std::errc{} || stop != end) return {};
    return number;
}

std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t length)
{
    unsigned number = 0;
    for (std::size_t i = at; i < at + length; ++i) {
        if (text[i] < '0' || text[i] > '9') return {};
        number = number * 10 + static_cast<unsigned>(text[i] - '0');
    }
    return number;
}

}  // namespace

Result<Instant> parse_instant(std::string_view text)
{
    using namespace std::chrono;
    const auto wrong = [&] {
        return fault(Retry::never, fmt::format("\"{}\" is not a time in UTC; write one such as 2026-12-01T06:00:00Z",
                                               printable(text, 60)));
    };
    constexpr std::string_view form = "0000-00-00T00:00:00Z";
    if (text.size() != form.size()) return wrong();
    for (std::size_t i = 0; i < form.size(); ++i)
        if (form[i] != '0' && text[i] != form[i]) return wrong();
    const auto y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
    const auto h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
    if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 59) return wrong();
    const year_month_day date{year{static_cast<int>(*y)}, month{*mo}, day{*d}};
    if (!date.ok()) return wrong();
    return Instant{sys_days{date}.time_since_epoch() + hours{*h} + minutes{*mi} + seconds{*s}};
}

Result<std::string> parse_sha256(std::string_view text)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ':' && i % 3 == 2) continue;
        plain += ascii_lower(text[i]);
    }
    const bool hexadecimal =
        std::ranges::all_of(plain, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (plain.size() != 64 || !hexadecimal)
        return fault(Retry::never,
                     fmt::format("\"{}\" is not a SHA-256; write 64 hexadecimal digits", printable(text, 80)));
    return plain;
}

std::optional<bool> parse_boolean(const YamlNode& node) noexcept
{
    if (!node.is_text() || node.quoted) return {};
    if (node.text == "true") return true;
    if (node.text == "false") return false;
    return {};
}

std::optional<std::uint64_t> parse_count(const YamlNode& node) noexcept
{
    return whole_text<std::uint64_t>(node);
}

std::optional<double> parse_factor(const YamlNode& node) noexcept
{
    const auto number = whole_text<double>(node);
    return number && *number == *number ? number : std::nullopt;
}

bool is_header_name(std::string_view name) noexcept
{
    return !name.empty() && name.size() <= 100 &&
           std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7F && c != ':'; });
}

bool is_resolver(std::string_view text) noexcept
{
    const auto at = text.find('@');
    if (!vocabulary::parse_ip(text.substr(0, at))) return false;
    return at == text.npos || vocabulary::parse_host_port(fmt::format("a:{}", text.substr(at + 1))).has_value();
}

bool is_id(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

}  // namespace postern::policy
