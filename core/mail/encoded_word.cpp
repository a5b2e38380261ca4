// RFC 2047 encoded words, in both directions.
//
// Pure functions on any thread, linear in their input. Nothing fails: what is no encoded word stays as written.
#include "mail/header.hpp"

#include "base/text.hpp"
#include "mail/characters.hpp"
#include "mail/charset.hpp"

#include <algorithm>
#include <array>

namespace postern::mail {

namespace {

constexpr std::size_t longest_line = 76;
constexpr std::size_t longest_word = 75;

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool decode_q(std::string_view text, std::string& bytes)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            bytes += text[i] == '_' ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= text.size()) return false;
        const int high = hex_value(text[i + 1]);
        const int low = hex_value(text[i + 2]);
        if (high < 0 || low < 0) return false;
        bytes += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return true;
}

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int, 256> make_base64_values()
{
    std::array<int, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < base64_digits.size(); ++i)
        values[static_cast<unsigned char>(base64_digits[i])] = static_cast<int>(i);
    return values;
}

/// Padding may be missing, as some mail programs leave it out.
bool decode_b(std::string_view text, std::string& bytes)
{
    static constexpr auto values = make_base64_values();
    for (int pads = 0; pads < 2 && text.ends_with('='); ++pads) text.remove_suffix(1);
    if (text.size() % 4 == 1) return false;
    unsigned gathered = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const int value = values[static_cast<unsigned char>(c)];
        if (value < 0) return false;
        gathered = (gathered << 6 | static_cast<unsigned>(value)) & 0xFFFF;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(gathered >> bits & 0xFF);
    }
    return true;
}

struct Word {
    std::string charset;  ///< lower case, without the language of RFC 2231 section 5
    std::string bytes;
    std::size_t size = 0;  ///< as written
};

/// The encoded word at the front of `text`, which begins with "=?". Stops at the first byte that cannot belong to
/// one, so that a whole value is read in linear time.
std::optional<Word> read_word(std::string_view text)
{
    const auto is_charset = [](char c) { return c > ' ' && c < 0x7F && c != '?' && c != '='; };
    const auto charset_end = std::ranges::find_if_not(text.substr(2), is_charset);
    const auto mark = static_cast<std::size_t>(charset_end - text.begin());
    if (mark == 2 || mark > 60 || mark + 3 >= text.size() || text[mark] != '?' || text[mark + 2] != '?')
        return std::nullopt;
    const char encoding = ascii_lower(text[mark + 1]);
    const std::size_t start = mark + 3;
    const auto is_payload = [](char c) { return c > ' ' && c < 0x7F && c != '?'; };
    const auto payload_end = std::ranges::find_if_not(text.substr(start), is_payload);
    const auto end = static_cast<std::size_t>(payload_end - text.begin());
    if (!text.substr(end).starts_with("?=")) return std::nullopt;

    Word word;
    const std::string_view payload = text.substr(start, end - start);
    if (encoding != 'q' && encoding != 'b') return std::nullopt;
    if (!(encoding == 'q' ? decode_q(payload, word.bytes) : decode_b(payload, word.bytes))) return std::nullopt;
    const std::string_view charset = text.substr(2, mark - 2);
    word.charset = to_lower(charset.substr(0, charset.find('*')));
    word.size = end + 2;
    return word;
}

bool is_white(char c) noexcept
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/// Decodes a value from left to right. Neighbouring words of one charset are gathered before they are converted,
/// because some mail programs split characters.
class Decoder {
public:
    Decoder(std::string_view value, std::size_t longest) : value_(value), longest_(longest) {}

    std::string decode()
    {
        std::size_t at = 0;
        while (at < value_.size() && out_.size() < longest_ && gathered_.size() < longest_) {
            const std::size_t next = std::min(value_.find("=?", at), value_.size());
            append_plain(at, next);
            at = next;
            if (at == value_.size()) break;
            if (auto word = read_word(value_.substr(at))) {
                gather(*word, at);
                at += word->size;
            } else {
                append_plain(at, at + 2);
                at += 2;
            }
        }
        flush();
        return std::move(out_);
    }

private:
    /// White space behind a word is held back until it is known whether another word follows.
    void append_plain(std::size_t from, std::size_t to)
    {
        if (from == to) return;
        const auto text = value_.substr(from, to - from);
        const bool between = has_word_ && std::ranges::all_of(text, is_white);
        if (between && to < value_.size()) {
            held_ += text;
            return;
        }
        flush();
        append_unfolded(text);
    }

    void gather(Word& word, std::size_t at)
    {
        if (has_word_ && charset_ != word.charset) {
            held_.clear();
            flush();
        }
        if (!has_word_) first_ = at;
        held_.clear();
        has_word_ = true;
        charset_ = std::move(word.charset);
        gathered_ += word.bytes;
        end_ = at + word.size;
    }

    void flush()
    {
        if (!has_word_) return;
        if (!gathered_.empty() && !append_converted(out_, charset_, gathered_))
            append_unfolded(value_.substr(first_, end_ - first_));
        append_unfolded(held_);
        held_.clear();
        gathered_.clear();
        has_word_ = false;
    }

    void append_unfolded(std::string_view text)
    {
        std::string line;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text.substr(i, 2) == "\r\n" && i + 2 < text.size() && is_blank(text[i + 2]))
                ++i;
            else
                line += text[i];
        }
        append_utf8(out_, line);
    }

    std::string_view value_;
    std::size_t longest_;
    std::string out_;
    std::string charset_;
    std::string gathered_;
    std::string held_;
    std::size_t first_ = 0;
    std::size_t end_ = 0;
    bool has_word_ = false;
};

/// At most `longest` bytes, ending with a whole character, without white space at the ends.
std::string cut(const std::string& text, std::size_t longest)
{
    std::string_view shown = trim(text);
    if (shown.size() > longest) {
        std::size_t end = longest;
        while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0) == 0x80) --end;
        shown = trim(shown.substr(0, end));
    }
    return std::string(shown);
}

/// RFC 2047 section 5 (3): what may stand in a phrase as it is.
bool is_q_safe(char c) noexcept
{
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("!*+-/").find(c) != std::string_view::npos;
}

std::string encode_q(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == ' ')
            text += '_';
        else if (is_q_safe(c))
            text += c;
        else
            (text += '=') += {digits[byte >> 4], digits[byte & 15]};
    }
    return text;
}

std::string encode_b(std::string_view bytes)
{
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        const std::size_t there = std::min<std::size_t>(bytes.size() - i, 3);
        for (std::size_t k = 0; k < 4; ++k) text += k <= there ? base64_digits[group >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

/// Bytes from the front, in whole characters, whose encoded form fits into `room`.
std::size_t fitting(std::string_view utf8, std::size_t room, bool base64)
{
    std::size_t taken = 0;
    std::size_t used = 0;
    while (taken < utf8.size()) {
        const std::size_t size = character_size(utf8.substr(taken));
        used = base64 ? (taken + size + 2) / 3 * 4 : used + encode_q(utf8.substr(taken, size)).size();
        if (used > room) break;
        taken += size;
    }
    return taken;
}

std::string encode_words(std::string_view utf8, std::size_t used)
{
    constexpr std::size_t frame = 12;       // =?utf-8?Q?...?=
    constexpr std::size_t worthwhile = 24;  // on a line that has something already
    const bool base64 = (utf8.size() + 2) / 3 * 4 < encode_q(utf8).size();
    std::string text;
    while (!utf8.empty()) {
        std::size_t room = std::min(longest_word, longest_line - std::min(used, longest_line));
        if (room < frame + worthwhile || !text.empty()) {
            text += "\r\n ";
            room = longest_word;
        }
        const std::size_t size = fitting(utf8, room - frame, base64);
        text += base64 ? "=?utf-8?B?" : "=?utf-8?Q?";
        text += base64 ? encode_b(utf8.substr(0, size)) : encode_q(utf8.substr(0, size));
        text += "?=";
        utf8.remove_prefix(size);
    }
    return text;
}

/// Printable ASCII with lines broken in front of white space where another word would pass the limit.
std::string fold_plain(std::string_view text, std::size_t used)
{
    if (used + text.size() <= longest_line) return std::string(text);
    std::string result;
    while (!text.empty()) {
        const std::size_t word = std::min(text.find_first_not_of(' '), text.size());
        const std::size_t end = std::min(text.find(' ', word), text.size());
        const bool blank = word == text.size();
        if (used + end > longest_line && word > 0 && !blank && !result.empty()) {
            result += "\r\n";
            used = 0;
        }
        result += text.substr(0, end);
        used += end;
        text.remove_prefix(end);
    }
    return result;
}

}  // namespace

std::string decode_text(std::string_view value, std::size_t longest)
{
    return cut(Decoder(value, longest).decode(), longest);
}

std::string encode_text(std::string_view utf8, std::size_t first_line_used)
{
    std::string text;
    append_utf8(text, utf8);
    const bool plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
    if (plain && text.find("=?") == text.npos) return fold_plain(text, first_line_used);
    return encode_words(text, first_line_used);
}

}  // namespace postern::mail
