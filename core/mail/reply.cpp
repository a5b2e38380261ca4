// SMTP replies as bytes and as a line for the log.
//
// Pure functions, on any thread. Whatever text comes in, what goes out is well-formed lines.
#include "mail/reply.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace postern::mail {

namespace {

constexpr std::size_t longest_line = 512;  // with CRLF

std::string status_text(int code, const std::optional<Status>& status)
{
    const int status_class = code / 100;
    if (!status || (status_class != 2 && status_class != 4 && status_class != 5)) return {};
    return std::to_string(status_class) + '.' + std::to_string(status->subject) + '.' + std::to_string(status->detail);
}

bool is_plain(std::string_view text) noexcept
{
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
}

/// Text fit for a reply line of at most `longest` bytes.
std::string fit(std::string_view text, std::size_t longest, bool utf8)
{
    std::string shown = printable(text, longest - 3);
    if (utf8 && is_utf8(shown)) return shown;
    // One '?' for each character, not for each of its bytes.
    std::string plain;
    for (const char c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) plain += c;
        if (byte >= 0xC0) plain += '?';
    }
    return plain;
}

}  // namespace

Reply Reply::of(int code, Status status, std::string line)
{
    Reply reply{code, status, {}};
    reply.lines.push_back(std::move(line));
    return reply;
}

Reply Reply::plain(int code, std::string line)
{
    Reply reply{code, std::nullopt, {}};
    reply.lines.push_back(std::move(line));
    return reply;
}

Reply Reply::from(const Fault& fault)
{
    PeerText told = fault.peer();
    const int digits = told.digits >= 0 && told.digits <= 99 ? told.digits : 51;
    const int base = fault.retry() == Retry::later ? 400 : 500;
    return of(base + digits, told.status, std::move(told.text));
}

std::string Reply::wire(bool utf8) const
{
    const std::string start = std::to_string(code);
    const std::string status_part = status_text(code, status);
    const std::size_t count = std::max<std::size_t>(lines.size(), 1);
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view line = i < lines.size() ? std::string_view(lines[i]) : std::string_view();
        bytes += start;
        bytes += i + 1 < count ? '-' : ' ';
        bytes += status_part;
        if (!status_part.empty() && !line.empty()) bytes += ' ';
        const std::size_t room = longest_line - start.size() - status_part.size() - 4;
        if (line.size() <= room && is_plain(line))
            bytes += line;
        else
            bytes += fit(line, room, utf8);
        bytes += "\r\n";
    }
    return bytes;
}

std::string Reply::summary() const
{
    std::string line = std::to_string(code);
    const std::string status_part = status_text(code, status);
    if (!status_part.empty()) line += ' ' + status_part;
    for (const auto& text : lines)
        if (!text.empty()) line += ' ' + printable(text, 500);
    return printable(line, 1000);
}

}  // namespace postern::mail
