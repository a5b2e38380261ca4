// The part of a report that mail systems read: RFC 3464 section 2, field by field.
#include "report/parts.hpp"
#include "report/text.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <array>
#include <charconv>

namespace postern::report {

namespace {

constexpr std::size_t longest_value = 320;
constexpr std::size_t longest_diagnostic = 900;
constexpr std::size_t usual_line = 76;

/// "5.1.1" at the front of `text`, followed by nothing or a space.
std::optional<FullStatus> read_status(std::string_view text) noexcept
{
    if (text.size() < 5 || text[1] != '.' || (text[0] != '2' && text[0] != '4' && text[0] != '5')) return std::nullopt;
    FullStatus read{text[0] - '0', {}};
    const char* const end = text.data() + text.size();
    const auto subject = std::from_chars(text.data() + 2, end, read.status.subject);
    if (subject.ec != std::errc{} || subject.ptr == end || *subject.ptr != '.' || read.status.subject > 999)
        return std::nullopt;
    const auto detail = std::from_chars(subject.ptr + 1, end, read.status.detail);
    if (detail.ec != std::errc{} || read.status.detail > 999 || (detail.ptr != end && *detail.ptr != ' '))
        return std::nullopt;
    return read;
}

std::string_view action_of(Kind kind) noexcept
{
    constexpr std::array<std::string_view, 4> actions{"failed", "delayed", "relayed", "delivered"};
    return actions[static_cast<std::size_t>(kind)];
}

void put(std::string& out, std::string_view name, std::string_view value)
{
    out += fmt::format("{}: {}\r\n", name, value);
}

/// A text of several words, folded between them.
void put_text(std::string& out, std::string_view name, std::string_view text)
{
    std::string line = fmt::format("{}:", name);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string_view word = text.substr(at, end - at);
        at = end + 1;
        if (word.empty()) continue;
        if (line.size() + 1 + word.size() > usual_line && !trim(line).empty()) {
            out += line + "\r\n";
            line.clear();
        }
        line += ' ';
        line += word;
    }
    out += line + "\r\n";
}

std::string typed_address(std::string_view address, bool utf8)
{
    const bool plain = is_ascii(address);
    return fmt::format("{}; {}", plain ? "rfc822" : "utf-8", one_line(address, longest_value, utf8));
}

/// ORCPT as it came: the type stays, the address is decoded (RFC 3461 section 6.3).
std::string original_recipient(std::string_view orcpt, bool utf8)
{
    const std::size_t semicolon = orcpt.find(';');
    if (semicolon == orcpt.npos) return {};
    return fmt::format("{}; {}", one_line(orcpt.substr(0, semicolon), 40, false),
                       one_line(decode_xtext(orcpt.substr(semicolon + 1)), longest_value, utf8));
}

void put_recipient(std::string& out, const ReportRequest& request, const ReportedRecipient& recipient, bool utf8)
{
    out += "\r\n";
    if (const std::string original = original_recipient(recipient.original_recipient, utf8); !original.empty())
        put(out, "Original-Recipient", original);
    put(out, "Final-Recipient", typed_address(recipient.address, utf8));
    put(out, "Action", action_of(request.kind));
    const FullStatus status = status_of(recipient, request.kind);
    put(out, "Status", fmt::format("{}.{}.{}", status.digit, status.status.subject, status.status.detail));
    if (!recipient.remote_mta.empty()) put(out, "Remote-MTA", "dns; " + one_line(recipient.remote_mta, 255, utf8));
    if (const std::string reply = one_line(recipient.reply, longest_diagnostic, utf8); !reply.empty())
        put_text(out, "Diagnostic-Code", (recipient.reply_from_peer ? "smtp; " : "X-Postern; ") + reply);
    if (recipient.last_attempt) put(out, "Last-Attempt-Date", to_rfc5322(*recipient.last_attempt));
    if (request.kind == Kind::delay && request.retry_until)
        put(out, "Will-Retry-Until", to_rfc5322(*request.retry_until));
}

}  // namespace

FullStatus status_of(const ReportedRecipient& recipient, Kind kind) noexcept
{
    const int meant = kind == Kind::failure ? 5 : kind == Kind::delay ? 4 : 2;
    std::string_view reply = recipient.reply;
    if (reply.size() > 4 && (reply[3] == ' ' || reply[3] == '-')) reply.remove_prefix(4);
    if (const auto read = read_status(reply)) {
        // A failure may end what was only deferred (RFC 3464 section 2.3.4); else class and action agree.
        if (read->digit == meant || (kind == Kind::failure && read->digit == 4)) return *read;
        if (kind == Kind::failure || kind == Kind::delay) return {meant, read->digit == 2 ? Status{} : read->status};
    }
    return {meant, recipient.status};
}

std::string delivery_status(const ReportRequest& request, bool utf8)
{
    std::string out;
    if (!request.envelope_id.empty())
        put(out, "Original-Envelope-Id", one_line(request.envelope_id, longest_value, utf8));
    put(out, "Reporting-MTA", "dns; " + one_line(request.node, 255, utf8));
    put(out, "Arrival-Date", to_rfc5322(request.received));
    for (const ReportedRecipient& recipient : request.recipients) put_recipient(out, request, recipient, utf8);
    return out;
}

}  // namespace postern::report
