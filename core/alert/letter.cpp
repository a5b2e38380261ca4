#include "alert/letter.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"
#include "mail/header.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::alert {

namespace {

using vocabulary::MailTemplate;
using vocabulary::TemplateValues;

constexpr std::size_t longest_line = 900;  // RFC 5322 allows 998
constexpr std::size_t base64_line = 76;

TemplateValues values_of(const store::AlertRecord& alert, bool escalation, const Service& service)
{
    const auto& event = vocabulary::info(alert.event);
    TemplateValues values;
    for (const auto& [name, value] : alert.fields) values[name] = value;
    values["event"] = event.name;
    values["severity"] = vocabulary::name_of(event.severity);
    values["time"] = readable(alert.at);
    values["text"] = alert.text;
    values["object"] = alert.object;
    values["rule"] = alert.rule;
    values["alert"] = alert.id;
    values["service"] = service.name;
    values["node"] = service.node;
    values["title"] = event.title;
    values["advice"] = event.advice;
    if (alert.suppressed > 0) values["suppressed"] = std::to_string(alert.suppressed);
    if (escalation) values["escalated"] = "yes";
    return values;
}

/// Told as somebody whom it happened to: whoever sent the message, or whose login it is. They have no gateway to go to.
bool concerns(const store::AlertRecord& alert, std::string_view address)
{
    return std::ranges::any_of(alert.fields, [address](const auto& field) {
        return (field.first == "sender.address" || field.first == "user.address") && iequals(field.second, address);
    });
}

/// Where the rule has no template: everything that is known.
const MailTemplate& built_in()
{
    static const MailTemplate text{
        "{{#escalated}}Not acknowledged: {{/escalated}}{{title}} ({{service}})",
        "{{text}}\n\n"
        "{{#suppressed}}Since the alert before this one {{suppressed}} more of the same kind were left out.\n\n"
        "{{/suppressed}}"
        "{{#escalated}}Nobody has acknowledged this alert, so you are told as well.\n\n{{/escalated}}"
        "Event:     {{event}} ({{severity}})\nTime:      {{time}}\nService:   {{service}} on {{node}}\n"
        "{{#rule}}Rule:      {{rule}}\n{{/rule}}"
        "{{#concerned}}\nQuestions about this are for {{operator}}.\n{{/concerned}}"
        "{{^concerned}}\nAcknowledge it on the gateway with\n\n    postern alert acknowledge "
        "{{alert}}\n{{/concerned}}"};
    return text;
}

/// Fields as lines of their own; names in the words of the table.
std::string details_of(const store::AlertRecord& alert)
{
    std::string all;
    for (const auto& [name, value] : alert.fields)
        all += fmt::format("{}: {}\n", name, printable(value, longest_line / 2));
    return all;
}

std::string base64_lines(std::string_view text)
{
    const auto encoded = to_base64(text);
    std::string lines;
    for (std::size_t at = 0; at < encoded.size(); at += base64_line) lines += encoded.substr(at, base64_line) + "\r\n";
    return lines;
}

std::string with_crlf(std::string_view text)
{
    std::string lines;
    for (const char c : text) {
        if (c == '\n') lines += '\r';
        lines += c;
    }
    if (!lines.ends_with("\r\n")) lines += "\r\n";
    return lines;
}

bool fits_7bit(std::string_view text)
{
    std::size_t line = 0;
    for (const char c : text) {
        line = c == '\n' ? 0 : line + 1;
        if (line > longest_line || static_cast<unsigned char>(c) >= 0x80 || c == '\0') return false;
    }
    return true;
}

}  // namespace

std::string readable(Instant at)
{
    const std::string rfc = to_rfc5322(at);  // "Mon, 23 Nov 2026 16:37:02 +0000"
    return fmt::format("{}, {} UTC", rfc.substr(5, 11), rfc.substr(17, 5));
}

MailTemplate full_text(const store::AlertRecord& alert, bool escalation, std::string_view to,
                       const vocabulary::AlertPolicy& policy, const Service& service)
{
    auto values = values_of(alert, escalation, service);
    const auto* rule = policy.rule(alert.rule);
    if (rule != nullptr && !rule->template_file.empty())
        if (const auto found = policy.templates.find(rule->template_file); found != policy.templates.end())
            return vocabulary::fill(found->second, values);
    if (concerns(alert, to)) values["concerned"] = "yes";
    values["operator"] = service.operator_address;
    auto text = vocabulary::fill(built_in(), values);
    const auto head = text.text.find("\n\n");
    const auto details = details_of(alert);
    if (!details.empty() && head != text.text.npos) text.text.insert(head + 2, details + "\n");
    return text;
}

Notice notice_of(vocabulary::EventId event, Instant at, const Service& service)
{
    const auto& kind = vocabulary::info(event);
    return {std::string(kind.title), readable(at), service.name, std::string(kind.advice)};
}

MailTemplate notice_text(const Notice& notice, const MailTemplate* form)
{
    static const MailTemplate usual{"{{what}} ({{service}})",
                                    "{{what}}.\n\nService:  {{service}}\nTime:     {{time}}\n\n{{advice}}\n\n"
                                    "This address is outside the service: nothing more is said here, and this mail\n"
                                    "never asks for a password.\n"};
    return vocabulary::fill(
        form != nullptr ? *form : usual,
        {{"what", notice.what}, {"time", notice.time}, {"service", notice.service}, {"advice", notice.advice}});
}

const MailTemplate* notice_form(const vocabulary::AlertPolicy& policy, std::string_view name)
{
    const auto* rule = policy.rule(name);
    if (rule == nullptr || rule->notice_file.empty()) return nullptr;
    const auto found = policy.notices.find(rule->notice_file);
    return found == policy.notices.end() ? nullptr : &found->second;
}

MailTemplate maintenance_text(const vocabulary::MaintenanceWindow& window, const Service& service)
{
    static const MailTemplate form{
        "Maintenance of {{service}}: {{from}}",
        "Maintenance of the secure mail service is planned.\n\n{{text}}\n\nFrom:  {{from}}\nTo:    {{to}}\n\n"
        "{{#defer}}During this time new mail is not taken: your mail system keeps it and tries again by itself.\n"
        "{{/defer}}{{^defer}}Mail goes on as usual; it may be slower for a while.\n{{/defer}}"};
    TemplateValues values{
        {"service", service.name}, {"text", window.text}, {"from", readable(window.from)}, {"to", readable(window.to)}};
    if (window.intake == vocabulary::WindowIntake::defer) values["defer"] = "yes";
    return vocabulary::fill(form, values);
}

MailTemplate cancellation_text(const vocabulary::MaintenanceWindow& window, const Service& service)
{
    static const MailTemplate form{
        "Cancelled: maintenance of {{service}}: {{from}}",
        "The maintenance of the secure mail service that was announced will not be.\n\n{{text}}\n\n"
        "From:  {{from}}\nTo:    {{to}}\n\nMail goes on as usual.\n"};
    return vocabulary::fill(form, {{"service", service.name},
                                   {"text", window.text},
                                   {"from", readable(window.from)},
                                   {"to", readable(window.to)}});
}

Notice cancellation_notice(const vocabulary::MaintenanceWindow& window, const Service& service)
{
    return {"Maintenance that was announced is cancelled", readable(window.from), service.name,
            "Mail goes on as usual; you need to do nothing."};
}

std::string compose(const MailTemplate& text, const std::string& to, const std::string& unique, Instant at,
                    const Service& service)
{
    const bool plain = fits_7bit(text.text);
    return fmt::format(
               "From: \"Postern\" <{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{}>\r\n"
               "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: {}\r\n\r\n",
               service.operator_address, to, mail::encode_text(text.subject, std::string_view("Subject: ").size()),
               to_rfc5322(at), unique, service.node, plain ? "7bit" : "base64") +
           (plain ? with_crlf(text.text) : base64_lines(with_crlf(text.text)));
}

}  // namespace postern::alert
