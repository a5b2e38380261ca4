#include "report/notice.hpp"

#include "base/text.hpp"
#include "mail/header.hpp"
#include "report/parts.hpp"
#include "report/text.hpp"

#include <fmt/format.h>

namespace postern::report {

namespace {

constexpr std::size_t longest_subject = 200;
constexpr std::size_t longest_text = 2000;

std::string subject_of(std::string_view content)
{
    const auto header = mail::Header::parse(content);
    const auto* subject = header ? header->find("Subject") : nullptr;
    return subject != nullptr ? mail::decode_text(subject->value, longest_subject) : std::string{};
}

}  // namespace

Result<NewReport> build_notice(const NoticeRequest& request, const Templates& templates)
{
    ReportRequest about;
    about.at = request.at;
    about.node = request.node;
    about.service = request.service;
    about.operator_address = request.operator_address;
    about.sender = request.sender.empty() ? "<>" : request.sender;
    about.message_id = request.message_id;
    about.received = request.received;
    ReportedRecipient recipient;
    recipient.address = request.recipient;
    about.recipients.push_back(std::move(recipient));
    auto human = human_text(about, templates.notice(), subject_of(request.content), false,
                            one_line(request.text, longest_text, true));
    if (!human) return std::unexpected(std::move(human.error()));

    const auto line = [](std::string_view text) { return one_line(text, 320, true); };
    const bool plain = is_7bit(human->text);
    NewReport notice;
    notice.content = fmt::format(
        "From: \"Postern\" <{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{}>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: {}\r\n\r\n{}",
        line(request.operator_address), line(request.to),
        mail::encode_text(human->subject, std::string_view("Subject: ").size()), to_rfc5322(request.at),
        request.notice_id, line(request.node), plain ? "7bit" : "quoted-printable",
        plain ? human->text : quoted_printable(human->text));
    notice.needs_8bit = !is_ascii(notice.content);
    notice.smtputf8 = !is_ascii(request.to) || !is_ascii(request.operator_address);
    return notice;
}

}  // namespace postern::report
