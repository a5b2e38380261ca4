#include "gateway/reports.hpp"

#include "base/ids.hpp"
#include "gateway/plan.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <array>

namespace postern::gateway {

namespace {

using report::Kind;

report::ReportRequest request_for(Services services, const Generation& generation, const store::MessageRecord& message,
                                  const store::Content& content, Kind kind)
{
    const auto& policy = *generation.policy;
    report::ReportRequest request;
    request.kind = kind;
    request.at = services.clock.now();
    request.report_id = make_message_id(request.at);
    request.node = policy.node().name;
    request.service = policy.community().suffix.text();
    request.operator_address = policy.community().operator_address.text();
    request.sender = message.sender;
    request.message_id = message.id;
    request.received = message.received;
    request.envelope_id = message.envelope_id;
    request.ret = message.require_tls ? mail::Return::headers : message.ret;  // RFC 8689 section 5
    request.smtputf8 = message.smtputf8;
    if (content)
        request.content = *content;
    else
        request.original_message_id = message.header_message_id;
    if (kind == Kind::delay) request.retry_until = message.received + policy.retry().give_up;
    return request;
}

report::ReportedRecipient reported(const policy::Snapshot& policy, const Fate& fate, Instant now)
{
    report::ReportedRecipient recipient;
    recipient.address = fate.recipient->address;
    recipient.original_recipient = fate.recipient->original_recipient;
    if (const auto* organisation = policy.organisation(fate.recipient->organisation))
        recipient.organisation = organisation->name;
    recipient.reply = fate.reply;
    recipient.reply_from_peer = fate.from_peer;
    recipient.remote_mta = fate.remote_mta;
    recipient.reason = fate.reason;
    recipient.last_attempt = fate.at.value_or(now);
    recipient.tls = fate.tls;
    recipient.silent = fate.silent;
    return recipient;
}

std::optional<store::NewMessage> make_report(Services services, const Generation& generation,
                                             const report::ReportRequest& request, const store::MessageRecord& about)
{
    const auto to = mail::Address::parse(about.sender);
    const auto* organisation = generation.policy->organisation(about.organisation);
    auto built = report::build(request, generation.templates);
    if (!to || !organisation || !built) {
        services.log.error("report not made",
                           {{"message", about.id},
                            {"sender", about.sender},
                            {"reason", built ? "the sender's organisation is gone" : built.error().describe()}});
        return std::nullopt;
    }
    store::NewMessage message;
    message.content = std::make_shared<const std::string>(std::move(built->content));
    message.message.id = request.report_id;
    message.message.received = request.at;
    message.message.origin = vocabulary::Origin::report;
    message.message.generation = generation.policy->generation();
    message.message.header_message_id = "<" + request.report_id + "@" + request.node + ">";
    message.message.size = message.content->size();
    message.message.body = built->needs_8bit ? mail::Body::eight_bit_mime : mail::Body::seven_bit;
    message.message.smtputf8 = built->smtputf8;
    message.deliveries = plan_own(services, generation, message.message, *message.content, *to, *organisation);
    if (message.deliveries.empty()) return std::nullopt;
    ++services.metrics.reports_made;
    return message;
}

}  // namespace

std::vector<store::DeliveryRecord> plan_own(Services services, const Generation& generation,
                                            const store::MessageRecord& record, const std::string& content,
                                            const mail::Address& to, const vocabulary::Organisation& organisation)
{
    const auto header = mail::Header::parse(content);
    if (!header) return {};
    const auto own = transform::outside(to, organisation);
    const bool server = organisation.kind == vocabulary::Kind::server;
    PlannedRecipient planned;
    planned.key = to.key();
    planned.organisation = &organisation;
    planned.record.address = to.text();
    planned.record.hop_address = server && own ? own->text() : to.text();
    planned.record.organisation = organisation.id;
    planned.record.notify = {.specified = true, .never = true};
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.time = record.received;
    facts.origin = record.origin;
    facts.recipient = &to;
    facts.recipient_organisation = &organisation;
    facts.recipient_inside = true;
    facts.size = content.size();
    facts.content = content;
    facts.header = &*header;
    facts.generation = record.generation;
    // A tag that can't be decided is no reason to keep a report back.
    planned.tags = generation.policy->tags(facts).value_or(std::vector<policy::TagOrder>{});
    std::vector<PlannedRecipient> one;
    one.push_back(std::move(planned));
    return plan_deliveries(mail::HeaderEditor(content, *header), {record.id, 1, record.received, record.received},
                           std::move(one), services.trace_key);
}

Fate kept_fate(const store::RecipientRecord& recipient, const store::DeliveryRecord& delivery)
{
    const std::string until = delivery.ends ? " until " + to_rfc5322(*delivery.ends) : std::string{};
    std::string reply = delivery.quarantined ? "450 4.7.1 Kept for the people of this service to look at"
                                             : fmt::format("450 4.7.1 Held{}", until);
    std::string reason =
        delivery.quarantined
            ? fmt::format("It is kept for the people of this service to look at ({}). It has not been delivered.",
                          delivery.hold_reason)
            : fmt::format("It waits{}: {}. Then it goes on by itself.", until, delivery.hold_reason);
    return {&recipient, Kind::delay, std::move(reply), false, {}, std::move(reason)};
}

std::vector<store::NewMessage> make_reports(Services services, const Generation& generation,
                                            const store::MessageRecord& message, const store::Content& content,
                                            const std::vector<Fate>& fates)
{
    std::vector<store::NewMessage> reports;
    for (const Kind kind : {Kind::failure, Kind::delay, Kind::relayed, Kind::delivered}) {
        auto request = request_for(services, generation, message, content, kind);
        for (const auto& fate : fates)
            if (fate.kind == kind && report::wanted(fate.recipient->notify, kind, message.sender.empty()))
                request.recipients.push_back(reported(*generation.policy, fate, request.at));
        if (request.recipients.empty()) continue;
        if (auto report = make_report(services, generation, request, message)) reports.push_back(std::move(*report));
    }
    return reports;
}

}  // namespace postern::gateway
