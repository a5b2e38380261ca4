// Filling a template in. Values are made one line of text each before they get there; nothing in them is read as a tag.
#include "report/parts.hpp"
#include "report/text.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <kainjow/mustache.hpp>

namespace postern::report {

namespace {

namespace mustache = kainjow::mustache;

constexpr std::size_t longest_value = 320;
constexpr std::size_t longest_reply = 1000;
constexpr std::size_t longest_text = 2000;

/// "23 Nov 2026, 16:37 UTC"
std::string readable(Instant at)
{
    const std::string rfc = to_rfc5322(at);  // "Mon, 23 Nov 2026 16:37:02 +0000"
    return fmt::format("{}, {} UTC", rfc.substr(5, 11), rfc.substr(17, 5));
}

/// Absent when empty, so that a template can ask for it with a section.
void set(mustache::data& data, const std::string& name, std::string_view text, std::size_t longest = longest_value)
{
    const std::string line = one_line(text, longest, true);
    if (!line.empty()) data.set(name, line);
}

std::string reason_for(const ReportRequest& request, const ReportedRecipient& recipient, const PlainWords& words)
{
    std::string reason = recipient.reason.empty() ? words.reason : recipient.reason;
    const bool gave_up = request.kind == Kind::failure && status_of(recipient, request.kind).digit == 4;
    return gave_up ? reason + " We kept trying and have now given up." : reason;
}

mustache::data recipient_values(const ReportRequest& request, const ReportedRecipient& recipient)
{
    mustache::data data;
    const PlainWords words = explain(request.kind, status_of(recipient, request.kind).status);
    set(data, "address", recipient.address);
    set(data, "organisation", recipient.organisation);
    set(data, "reason", reason_for(request, recipient, words), longest_reply);
    set(data, "advice", words.advice);
    if (recipient.reply_from_peer) set(data, "reply", recipient.reply, longest_reply);
    set(data, "server", recipient.remote_mta);
    set(data, "tls", recipient.tls);
    data.set("silent", recipient.silent);
    if (recipient.last_attempt) data.set("last_attempt", readable(*recipient.last_attempt));
    return data;
}

mustache::data values(const ReportRequest& request, std::string_view subject, bool whole)
{
    mustache::data data;
    // Once delivered, nothing of a message is kept but when it came.
    const bool known = !subject.empty() || !request.content.empty();
    set(data, "subject",
        known ? (subject.empty() ? "(no subject)" : std::string(subject))
              : "your message of " + readable(request.received));
    set(data, "service", request.service.empty() ? request.node : request.service);
    set(data, "operator", request.operator_address);
    set(data, "sender", request.sender);
    set(data, "message_id", request.message_id);
    data.set("received", readable(request.received));
    data.set("time", readable(request.at));
    if (request.retry_until) data.set("retry_until", readable(*request.retry_until));
    data.set("several", request.recipients.size() > 1);
    data.set("whole", whole);
    mustache::data recipients(mustache::data::type::list);
    for (const ReportedRecipient& recipient : request.recipients) recipients << recipient_values(request, recipient);
    data.set("recipients", recipients);
    return data;
}

Result<std::string> fill(const std::string& form, const mustache::data& data)
{
    mustache::mustache parsed(form);  // its own for each report: rendering changes it
    parsed.set_custom_escape([](const std::string& text) { return text; });
    std::string text = parsed.render(data);
    if (!parsed.is_valid()) return fault(Retry::never, "report template: " + parsed.error_message());
    return text;
}

}  // namespace

Result<HumanText> human_text(const ReportRequest& request, const Template& form, std::string_view subject, bool whole,
                             std::string_view text)
{
    mustache::data data = values(request, subject, whole);
    set(data, "text", text, longest_text);
    auto line = fill(form.subject, data);
    if (!line) return std::unexpected(std::move(line.error()));
    auto filled = fill(form.text, data);
    if (!filled) return std::unexpected(std::move(filled.error()));
    return HumanText{one_line(*line, longest_value, true), wrapped(*filled)};
}

}  // namespace postern::report
