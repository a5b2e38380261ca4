// Bytes in the charsets of mail as UTF-8.
//
// Pure functions on any thread. UTF-8, ASCII and ISO-8859-1 are read here, others by iconv.
#include "mail/charset.hpp"

#include "base/text.hpp"

#include <iconv.h>
#include <algorithm>
#include <array>
#include <cerrno>

namespace postern::mail {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

void append_latin1(std::string& out, std::string_view bytes, Lines lines)
{
    std::string utf8;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80) utf8 += static_cast<char>(0xC0 | (byte >> 6));
        utf8 += byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3F));
    }
    append_utf8(out, utf8, lines);
}

/// iconv's handle. Only charsets that mail uses are asked for: a message does not choose what gets loaded.
class Converter {
public:
    explicit Converter(const std::string& charset)
    {
        static constexpr std::array families{"iso-8859-", "windows-125", "cp",     "koi8-",  "gb",
                                             "big5",      "shift_jis",   "sjis",   "euc-",   "tis-620",
                                             "macintosh", "ks_c_5601",   "utf-16", "utf-32", "utf-7"};
        const bool tame = std::ranges::all_of(
            charset, [](char c) { return c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
        const bool known = charset == "iso-2022-jp" || charset == "iso-2022-kr" ||
                           std::ranges::any_of(families, [&](const char* f) { return charset.starts_with(f); });
        // Korean mail says KS_C_5601 and means its superset.
        if (tame && known) handle_ = iconv_open("UTF-8", charset.starts_with("ks_c_5601") ? "CP949" : charset.c_str());
    }
    ~Converter()
    {
        if (*this) iconv_close(handle_);
    }
    Converter(const Converter&) = delete;
    Converter& operator=(const Converter&) = delete;

    explicit operator bool() const noexcept { return handle_ != none(); }

    [[nodiscard]] std::string convert(std::string bytes) const
    {
        std::string out;
        std::array<char, 1024> buffer;
        char* in = bytes.data();
        std::size_t left = bytes.size();
        while (left > 0) {
            char* to = buffer.data();
            std::size_t room = buffer.size();
            const bool failed = iconv(handle_, &in, &left, &to, &room) == static_cast<std::size_t>(-1);
            const int why = failed ? errno : 0;
            out.append(buffer.data(), buffer.size() - room);
            if (!failed || why == E2BIG) continue;
            out += replacement;
            if (why != EILSEQ) break;
            ++in;
            --left;
        }
        // Some charsets hold the last character back, to combine it with what may follow.
        char* to = buffer.data();
        std::size_t room = buffer.size();
        iconv(handle_, nullptr, nullptr, &to, &room);
        out.append(buffer.data(), buffer.size() - room);
        return out;
    }

private:
    static iconv_t none() noexcept { return reinterpret_cast<iconv_t>(-1); }  // NOLINT: as iconv_open(3) says it
    iconv_t handle_ = none();
};

}  // namespace

std::size_t character_size(std::string_view text) noexcept
{
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    return size <= text.size() && is_utf8(text.substr(0, size)) ? size : 0;
}

void append_utf8(std::string& out, std::string_view text, Lines lines)
{
    constexpr auto is_usual = [](char c) { return c >= ' ' && c < 0x7F; };
    while (!text.empty()) {
        const auto usual = std::ranges::find_if_not(text, is_usual) - text.begin();
        out += text.substr(0, static_cast<std::size_t>(usual));
        text.remove_prefix(static_cast<std::size_t>(usual));
        if (text.empty()) return;
        const std::size_t size = character_size(text);
        const char c = text.front();
        if (size == 0)
            out += replacement;
        else if (lines == Lines::keep && (c == '\r' || c == '\n'))
            out += c == '\n' ? "\n" : "";
        else if (c == '\r' || c == '\n' || c == '\0')
            out += ' ';
        else
            out += text.substr(0, size);
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
}

bool append_converted(std::string& out, const std::string& charset, std::string_view bytes, Lines lines)
{
    if (charset == "utf-8" || charset == "utf8" || charset == "us-ascii" || charset == "ascii") {
        append_utf8(out, bytes, lines);
        return true;
    }
    if (charset == "iso-8859-1" || charset == "latin1") {
        append_latin1(out, bytes, lines);
        return true;
    }
    const Converter converter(charset);
    if (!converter) return false;
    append_utf8(out, converter.convert(std::string(bytes)), lines);
    return true;
}

}  // namespace postern::mail
