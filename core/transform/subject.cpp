// Subjects as mail programs write them: plain, folded, in encoded words, behind answers in any language.
//
// A value is read as pieces: plain text, whose bytes are its meaning, and runs of encoded words, which are decoded
// together because the white space between them does not count (RFC 2047 section 6.2).
#include "transform/subject.hpp"

#include "base/text.hpp"
#include "mail/header.hpp"

#include <algorithm>
#include <vector>

namespace postern::transform {

namespace {

constexpr std::size_t usual_line = 78;                   // RFC 5322 section 2.1.1, without CRLF
constexpr std::size_t name_size = 8;                     // "Subject:"
constexpr std::size_t longest_word = 24;                 // bytes of "Re", "Antwort", "回复"
constexpr std::size_t longest_bracket = 40;              // "[EXTERNAL]"
constexpr std::string_view wide_colon = "\xEF\xBC\x9A";  // U+FF1A

bool is_white(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}

std::size_t skip_white(std::string_view text, std::size_t at) noexcept
{
    while (at < text.size() && is_white(text[at])) ++at;
    return at;
}

/// Where the tag ends that begins at `at`; npos if none does. White space in it matches any white space.
std::size_t match(std::string_view text, std::size_t at, std::string_view tag) noexcept
{
    for (std::size_t i = 0; i < tag.size();) {
        if (at >= text.size()) return text.npos;
        if (is_white(tag[i])) {
            if (!is_white(text[at])) return text.npos;
            i = skip_white(tag, i);
            at = skip_white(text, at);
        } else if (ascii_lower(text[at++]) != ascii_lower(tag[i++])) {
            return text.npos;
        }
    }
    return at;
}

bool holds(std::string_view text, std::string_view tag) noexcept
{
    const auto in_word = [](char c) { return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'); };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (ascii_lower(text[at]) != ascii_lower(tag.front())) continue;
        if (at > 0 && in_word(text[at - 1]) && in_word(tag.front())) continue;
        if (match(text, at, tag) != text.npos) return true;
    }
    return false;
}

/// Behind "[2]", "(2)", "^2" or "2" as in "Re[2]:"; `at` if there is none.
std::size_t skip_counter(std::string_view text, std::size_t at) noexcept
{
    if (at >= text.size()) return at;
    const char open = text[at];
    const char close = open == '[' ? ']' : open == '(' ? ')' : '\0';
    std::size_t end = open == '^' || close != '\0' ? at + 1 : at;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (close == '\0') return end;
    return end < text.size() && text[end] == close ? end + 1 : at;
}

/// Behind what a mail program puts in front of a subject, "Re:", "AW :", "[list]"; npos if nothing of it is there.
std::size_t skip_front(std::string_view text, std::size_t at) noexcept
{
    if (at < text.size() && text[at] == '[') {
        const std::size_t close = text.substr(0, at + longest_bracket).find(']', at);
        return close == text.npos ? text.npos : close + 1;
    }
    std::size_t end = at;
    while (end < text.size() && end - at < longest_word && is_letter(text[end]) &&
           !text.substr(end).starts_with(wide_colon))
        ++end;
    if (end == at) return text.npos;
    end = skip_counter(text, end);
    if (end < text.size() && text[end] == ' ') ++end;
    if (end < text.size() && text[end] == ':') return end + 1;
    return text.substr(end).starts_with(wide_colon) ? end + wide_colon.size() : text.npos;
}

struct Range {
    std::size_t from = 0;
    std::size_t to = 0;
};

/// Where the tag stands in front of the subject, with the white space behind it.
std::vector<Range> tags_in_front(std::string_view text, std::string_view tag)
{
    std::vector<Range> found;
    std::size_t at = skip_white(text, 0);
    while (at < text.size()) {
        if (const std::size_t end = match(text, at, tag); end != text.npos) {
            found.push_back({at, skip_white(text, end)});
            at = found.back().to;
            continue;
        }
        const std::size_t end = skip_front(text, at);
        if (end == text.npos) break;
        at = skip_white(text, end);
    }
    return found;
}

std::string without(std::string_view text, const std::vector<Range>& ranges, std::size_t offset = 0)
{
    std::string rest;
    std::size_t copied = 0;
    for (const Range& range : ranges) {
        const std::size_t from = std::clamp(range.from, offset, offset + text.size()) - offset;
        const std::size_t to = std::clamp(range.to, offset, offset + text.size()) - offset;
        if (from >= to) continue;
        rest += text.substr(copied, from - copied);
        copied = to;
    }
    return rest += text.substr(copied);
}

/// Bytes of what has the form of an encoded word at the front; 0 if nothing has.
std::size_t encoded_word(std::string_view text) noexcept
{
    const std::size_t charset_end = text.find_first_of("? \t\r\n", 2);
    if (charset_end == text.npos || charset_end == 2 || charset_end + 3 >= text.size()) return 0;
    if (text[charset_end] != '?' || text[charset_end + 2] != '?') return 0;
    const std::size_t end = text.find_first_of("? \t\r\n", charset_end + 3);
    return end != text.npos && text.substr(end).starts_with("?=") ? end + 2 : 0;
}

struct Piece {
    std::string_view raw;
    std::string text;  ///< meaning of a run of encoded words
    bool encoded = false;
    std::size_t offset = 0;  ///< of its meaning in that of all pieces

    [[nodiscard]] std::string_view meaning() const noexcept { return encoded ? std::string_view(text) : raw; }
};

/// Behind the encoded words at `at` that have only white space between them.
std::size_t run_end(std::string_view value, std::size_t at) noexcept
{
    std::size_t end = at;
    while (true) {
        const std::size_t next = end == at ? at : skip_white(value, end);
        if (!value.substr(next).starts_with("=?")) return end;
        const std::size_t size = encoded_word(value.substr(next));
        if (size == 0) return end;
        end = next + size;
    }
}

std::vector<Piece> split(std::string_view value)
{
    std::vector<Piece> pieces;
    std::size_t meant = 0;
    const auto add = [&](std::string_view raw, bool encoded) {
        if (raw.empty()) return;
        Piece piece{raw, {}, encoded, meant};
        if (encoded) piece.text = mail::decode_text(raw, raw.size() * 4);
        meant += piece.meaning().size();
        pieces.push_back(std::move(piece));
    };
    std::size_t plain = 0;
    for (std::size_t at = value.find("=?"); at != value.npos; at = value.find("=?", at)) {
        const std::size_t end = run_end(value, at);
        if (end == at) {
            at += 2;
            continue;
        }
        add(value.substr(plain, at - plain), false);
        add(value.substr(at, end - at), true);
        plain = at = end;
    }
    add(value.substr(plain), false);
    return pieces;
}

std::string unfolded(std::string_view text)
{
    std::string line;
    line.reserve(text.size());
    for (const char c : text)
        if (c != '\r' && c != '\n') line += c;
    return line;
}

/// Bytes on the line that `value` ends with, the field's name included.
std::size_t line_used(std::string_view value) noexcept
{
    const std::size_t line = value.rfind('\n');
    return line == value.npos ? name_size + value.size() : value.size() - line - 1;
}

/// The pieces without what is in `ranges`; those that are not touched keep their bytes.
std::string join(const std::vector<Piece>& pieces, const std::vector<Range>& ranges)
{
    std::string value;
    bool behind_word = false;
    bool merges = false;  // two encoded words would come to stand side by side, and lose the space between them
    std::string whole;
    for (const Piece& piece : pieces) {
        const std::string rest = without(piece.meaning(), ranges, piece.offset);
        whole += rest;
        if (!piece.encoded) {
            if (std::ranges::any_of(rest, [](char c) { return !is_white(c); })) behind_word = false;
            value += rest;
            continue;
        }
        if (trim(rest).empty()) continue;
        const std::string written =
            rest == piece.text ? std::string(piece.raw) : mail::encode_text(rest, line_used(value));
        const bool word = written.starts_with("=?");
        merges = merges || (word && behind_word);
        behind_word = word;
        value += written;
    }
    if (!merges) return value;
    return " " + mail::encode_text(trim(unfolded(whole)), name_size + 1);
}

}  // namespace

bool carries_tag(std::string_view value, std::string_view tag)
{
    tag = trim(tag);
    if (tag.empty()) return true;
    if (value.find("=?") == value.npos) return holds(value, tag);
    return holds(mail::decode_text(value, value.size() * 4), tag);
}

std::string put_tag(std::string_view value, std::string_view prefix)
{
    const std::size_t text_at = skip_white(value, 0);
    const std::string_view text = value.substr(text_at);
    const std::string_view first_line = text.substr(0, text.find("\r\n"));
    const bool before_word = text.starts_with("=?");
    const bool ascii = is_ascii(prefix);

    if (text.empty()) return " " + (ascii ? std::string(trim(prefix)) : mail::encode_text(trim(prefix), name_size + 1));
    std::string tagged(value.substr(0, text_at));
    if (tagged.empty()) tagged = " ";
    // An encoded word needs white space around it, and none shows between two of them: then it is encoded itself.
    tagged += ascii ? std::string(prefix) : mail::encode_text(before_word ? prefix : trim(prefix), line_used(tagged));
    if (!tagged.empty() && (!ascii || before_word) && !is_white(tagged.back())) tagged += ' ';

    const bool fitted = line_used(value.substr(0, text_at)) + first_line.size() <= usual_line;
    if (fitted && is_white(tagged.back()) && line_used(tagged) + first_line.size() > usual_line) {
        tagged.pop_back();
        tagged += "\r\n ";
    }
    return tagged += text;
}

std::optional<std::string> take_tag(std::string_view value, std::string_view tag)
{
    tag = trim(tag);
    if (tag.empty()) return std::nullopt;
    if (value.find("=?") == value.npos) {
        const auto ranges = tags_in_front(value, tag);
        if (ranges.empty()) return std::nullopt;
        return without(value, ranges);
    }
    const auto pieces = split(value);
    std::string meaning;
    for (const Piece& piece : pieces) meaning += piece.meaning();
    const auto ranges = tags_in_front(meaning, tag);
    if (ranges.empty()) return std::nullopt;
    return join(pieces, ranges);
}

}  // namespace postern::transform
