// See text.hpp. Everything is linear in its input.
#include "report/text.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::report {

namespace {

constexpr std::size_t text_width = 72;
constexpr std::size_t encoded_width = 76;  // RFC 2045 section 6.7 (5)
constexpr std::size_t longest_line = 998;

bool begins_character(char c) noexcept
{
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

std::size_t width(std::string_view text) noexcept
{
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

void wrap_line(std::string& out, std::string_view line)
{
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    out += line.substr(0, indent);
    std::size_t used = indent;
    bool first = true;
    for (std::size_t at = indent; at < line.size();) {
        const std::size_t end = std::min(line.find(' ', at), line.size());
        const std::string_view word = line.substr(at, end - at);
        at = end + 1;
        if (word.empty()) continue;
        const std::size_t columns = width(word);
        if (!first && used + 1 + columns > text_width) {
            out += "\r\n";
            out.append(indent, ' ');
            used = indent;
            first = true;
        }
        if (!first) out += ' ';
        used += columns + (first ? 0 : 1);
        out += word;
        first = false;
    }
    out += "\r\n";
}

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::string one_line(std::string_view text, std::size_t longest, bool utf8)
{
    std::string line = printable(trim(text), longest);
    if (!utf8)
        std::ranges::replace_if(
            line, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return line;
}

std::string wrapped(std::string_view text)
{
    std::string out;
    bool empty_before = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
            line.remove_suffix(1);
        if (line.empty()) {
            if (!empty_before) out += "\r\n";
            empty_before = true;
            continue;
        }
        empty_before = false;
        wrap_line(out, line);
    }
    while (out.ends_with("\r\n\r\n")) out.resize(out.size() - 2);
    return out;
}

bool is_7bit(std::string_view text) noexcept
{
    std::size_t line = 0;
    for (const char c : text) {
        if (c == '\0' || static_cast<unsigned char>(c) >= 0x80) return false;
        if (c == '\n')
            line = 0;
        else if (c != '\r' && ++line > longest_line)
            return false;
    }
    return true;
}

std::string quoted_printable(std::string_view text)
{
    std::string out;
    std::size_t used = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with("\r\n")) {
            out += "\r\n";
            used = 0;
            ++i;
            continue;
        }
        const char c = text[i];
        const bool last = i + 1 == text.size() || text.substr(i + 1).starts_with("\r\n");
        const bool blank = c == ' ' || c == '\t';
        const bool plain = blank ? !last : c > ' ' && c < 0x7F && c != '=';
        const std::size_t size = plain ? 1 : 3;
        if (used + size > encoded_width - 1) {
            out += "=\r\n";
            used = 0;
        }
        if (plain)
            out += c;
        else
            out += fmt::format("={:02X}", static_cast<unsigned char>(c));
        used += size;
    }
    return out;
}

std::string decode_xtext(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '+' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low < 0) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return out;
}

}  // namespace postern::report
