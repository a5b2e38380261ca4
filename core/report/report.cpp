// Putting a report together: header, and three parts of multipart/report (RFC 6522).
//
// Text parts are made fit for 7 bits; only what RFC 2046 forbids to encode (a returned message, RFC 6533 parts)
// needs 8.
#include "report/report.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "mail/header.hpp"
#include "report/parts.hpp"
#include "report/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::report {

namespace {

constexpr std::size_t longest_returned_header = std::size_t{64} * 1024;
constexpr std::size_t longest_subject = 200;
constexpr std::size_t longest_reference = 900;

/// What is known of the original from its own header.
struct Original {
    std::string_view header;  ///< with the last CRLF, without the empty line
    std::string subject;
    std::string message_id;  ///< with its brackets; empty if there is none that may be repeated
};

bool is_message_reference(std::string_view text) noexcept
{
    return text.size() > 4 && text.size() <= longest_reference && text.front() == '<' && text.back() == '>' &&
           text.find('@') != text.npos && std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) {
               return c > ' ' && c < 0x7F && c != '<' && c != '>';
           });
}

Original look_at(const ReportRequest& request)
{
    Original original;
    if (is_message_reference(request.original_message_id)) original.message_id = request.original_message_id;
    const std::string_view content = request.content;
    const auto header = mail::Header::parse(content);
    if (content.empty() || !header) return original;
    std::size_t end = 0;
    for (const mail::Field& field : header->fields()) {
        if (field.offset + field.size > longest_returned_header) break;
        end = field.offset + field.size;
    }
    original.header = content.substr(0, end);
    if (const auto* subject = header->find("Subject"))
        original.subject = mail::decode_text(subject->value, longest_subject);
    if (const auto* id = header->find("Message-ID"); id != nullptr && is_message_reference(trim(id->value)))
        original.message_id = trim(id->value);
    return original;
}

bool needs_utf8(const ReportRequest& request, std::string_view header)
{
    const auto not_ascii = [](const ReportedRecipient& recipient) {
        return !is_ascii(recipient.address) || !is_ascii(recipient.original_recipient);
    };
    return !is_ascii(request.sender) || !is_ascii(request.operator_address) ||
           std::ranges::any_of(request.recipients, not_ascii) || (request.smtputf8 && !is_ascii(header));
}

struct Part {
    std::string type;
    std::string encoding;  ///< Content-Transfer-Encoding
    std::string body;
    std::string description;
};

Part text_part(std::string type, std::string_view text, std::string description)
{
    const bool plain = is_7bit(text);
    return {std::move(type), plain ? "7bit" : "quoted-printable", plain ? std::string(text) : quoted_printable(text),
            std::move(description)};
}

/// For types that RFC 2046 section 5.2 forbids to encode.
Part message_part(std::string type, std::string_view text, std::string description)
{
    return {std::move(type), is_ascii(text) ? "7bit" : "8bit", std::string(text), std::move(description)};
}

Part returned_part(const ReportRequest& request, const Original& original, bool whole, bool utf8)
{
    if (whole) return message_part(utf8 ? "message/global" : "message/rfc822", request.content, "Your message");
    if (utf8) return message_part("message/global-headers", original.header, "The header of your message");
    return text_part("text/rfc822-headers", original.header, "The header of your message");
}

/// A boundary that is in none of the parts. It is random already; the loop is for an original that knows it.
std::string boundary_for(const std::string& report_id, const std::vector<Part>& parts)
{
    std::string boundary = "=_postern_" + report_id;
    const auto taken = [&](const Part& part) { return part.body.find(boundary) != part.body.npos; };
    for (int tries = 0; tries < 16 && std::ranges::any_of(parts, taken); ++tries) boundary += '_';
    return boundary;
}

std::string header_of(const ReportRequest& request, const std::string& subject, const Original& original)
{
    const auto line = [](std::string_view text) { return one_line(text, 320, true); };
    std::string header =
        fmt::format("From: \"Postern\" <{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{}>\r\n",
                    line(request.operator_address), line(request.sender),
                    mail::encode_text(subject, std::string_view("Subject: ").size()), to_rfc5322(request.at),
                    request.report_id, line(request.node));
    if (!original.message_id.empty())
        header += fmt::format("In-Reply-To: {0}\r\nReferences: {0}\r\n", original.message_id);
    return header + "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
}

std::string assemble(std::string header, const std::string& report_id, const std::vector<Part>& parts)
{
    const std::string boundary = boundary_for(report_id, parts);
    const bool eight = std::ranges::any_of(parts, [](const Part& part) { return part.encoding == "8bit"; });
    std::string& message = header;
    message += fmt::format(
        "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{}\"\r\n"
        "Content-Transfer-Encoding: {}\r\n\r\n",
        boundary, eight ? "8bit" : "7bit");
    for (const Part& part : parts) {
        message +=
            fmt::format("--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: {}\r\nContent-Description: {}\r\n\r\n",
                        boundary, part.type, part.encoding, part.description);
        message += part.body;
        if (!part.body.ends_with("\r\n")) message += "\r\n";
        message += "\r\n";  // belongs to the boundary
    }
    message += fmt::format("--{}--\r\n", boundary);
    return std::move(message);
}

}  // namespace

bool wanted(const mail::Notify& notify, Kind kind, bool sender_is_null) noexcept
{
    if (sender_is_null || notify.never) return false;
    switch (kind) {
        case Kind::failure:
            return !notify.specified || notify.failure;
        case Kind::delay:
            return !notify.specified || notify.delay;
        case Kind::relayed:
        case Kind::delivered:
            return notify.specified && notify.success;
    }
    return false;
}

Result<NewReport> build(const ReportRequest& request, const Templates& templates)
{
    if (request.sender.empty()) return fault(Retry::never, "a report to the null sender").about(request.message_id);
    if (request.recipients.empty()) return fault(Retry::never, "a report about no recipient").about(request.message_id);
    if (!is_message_id(request.report_id))
        return fault(Retry::never, "a report without an id").about(request.message_id);

    const Original original = look_at(request);
    const bool whole = request.kind == Kind::failure && request.ret == mail::Return::full && !request.content.empty() &&
                       request.content.size() <= request.return_at_most;
    const bool utf8 = needs_utf8(request, original.header);
    auto human = human_text(request, templates.of(request.kind), original.subject, whole);
    if (!human) return std::unexpected(std::move(human.error()));

    std::vector<Part> parts;
    parts.push_back(text_part("text/plain; charset=utf-8", human->text, "What happened"));
    parts.push_back(message_part(utf8 ? "message/global-delivery-status" : "message/delivery-status",
                                 delivery_status(request, utf8), "For mail systems"));
    if (whole || !original.header.empty()) parts.push_back(returned_part(request, original, whole, utf8));

    NewReport report;
    report.content = assemble(header_of(request, human->subject, original), request.report_id, parts);
    report.needs_8bit = !is_ascii(report.content);
    report.smtputf8 = utf8;
    return report;
}

}  // namespace postern::report
