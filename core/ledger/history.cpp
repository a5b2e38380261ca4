#include "ledger/history.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace postern::ledger {

namespace {

using store::Event;
using store::RecipientRecord;
using store::State;

constexpr std::size_t longest_reply = 1000;

std::string clean(std::string_view text)
{
    return printable(text, longest_reply);
}

std::string_view origin_name(vocabulary::Origin origin)
{
    switch (origin) {
        case vocabulary::Origin::member:
            return "member";
        case vocabulary::Origin::report:
            return "report";
        case vocabulary::Origin::alert:
            return "alert";
    }
    return "member";
}

std::string sender_of(const store::MessageRecord& message)
{
    return message.sender.empty() ? "<>" : clean(message.sender);
}

/// Whose reply an outcome was, in words: " by HOP: REPLY".
std::string by_whom(const Event& event)
{
    std::string text;
    if (!event.next_hop.empty()) text += fmt::format(" by {}", clean(event.next_hop));
    if (!event.tls.empty()) text += fmt::format(" over {}", clean(event.tls));
    if (!event.reply.empty()) text += fmt::format(": {}", clean(event.reply));
    return text;
}

std::string attempt_words(const Event& event)
{
    const std::string whom = by_whom(event);
    if (event.state == "relayed") return "handed over, taken" + whom;
    if (event.state == "delivered") return "delivered, taken" + whom;
    if (event.state == "failed") return "refused" + whom;
    if (event.state == "expired") return "given up, time ran out" + whom;
    if (event.state == "queued") return "put off" + whom;
    return event.state + whom;
}

std::string decided_words(const Event& event)
{
    if (event.state == "quarantined") return "decided again, put into quarantine";
    if (event.state == "held") return "decided again, held";
    if (event.state == "redirected") return "decided again, redirected";
    return "decided again";
}

std::string reported_words(std::string_view heard)
{
    if (heard == "relayed") return "passed on to a server that reports nothing";
    if (heard == "expanded") return "given to several addresses behind it";
    if (heard == "delayed") return "not delivered yet";
    if (heard == "failed") return "not delivered";
    if (heard == "dispatched") return "sent on";
    if (heard == "processed") return "taken up by a program";
    return clean(heard);  // delivered, deleted, read
}

std::string words_of(const Event& event)
{
    const std::string reason = event.reply.empty() ? std::string() : ": " + clean(event.reply);
    if (event.kind == "attempt") return attempt_words(event);
    if (event.kind == "received" && event.state == "refused") return "refused after DATA" + reason;
    if (event.kind == "received" && event.next_hop.empty()) return "made by this service";
    if (event.kind == "received")
        return fmt::format("received{}{}", event.next_hop.empty() ? "" : " from " + clean(event.next_hop),
                           event.tls.empty() ? " in clear text" : " over " + clean(event.tls));
    if (event.kind == "held") return "held" + reason;
    if (event.kind == "released") return "released" + reason;
    if (event.kind == "removed") return "removed from the queue" + reason;
    if (event.kind == "bounced") return "to be given up at the next attempt" + reason;
    if (event.kind == "retry") return "put in front for another attempt" + reason;
    if (event.kind == "report") return "report sent as " + clean(event.reply);
    if (event.kind == "quarantined") return "put into quarantine" + reason;
    if (event.kind == "release_asked") return "release from quarantine asked for" + reason;
    if (event.kind == "deleted") return "deleted from quarantine" + reason;
    if (event.kind == "notice") return "somebody told by " + clean(event.reply);
    if (event.kind == "decided") return decided_words(event) + reason;
    if (event.kind == "reported") return reported_words(event.state) + reason;
    if (event.kind == "copy") return "sent on to an added recipient as " + clean(event.reply);
    return event.kind + reason;
}

std::string outcome_words(const RecipientRecord& recipient)
{
    const auto at = to_iso8601(recipient.changed);
    switch (recipient.state) {
        case State::queued:
            return "taken; waits in the queue, no outcome yet";
        case State::held:
            return fmt::format("held since {}", at);
        case State::relayed:
            return fmt::format("handed over to its server at {}", at);
        case State::delivered:
            return fmt::format("delivered at {}", at);
        case State::failed:
            return fmt::format("not delivered: refused at {}", at);
        case State::expired:
            return fmt::format("not delivered: given up at {}", at);
        case State::refused:
            return "never accepted";
        case State::removed:
            return fmt::format("removed by an administrator at {}", at);
        case State::quarantined:
            return fmt::format("in quarantine since {}", at);
        case State::redirected:
            return fmt::format("another recipient got it instead at {}", at);
        case State::expanded:
            return fmt::format("went to the list's members at {}", at);
    }
    return {};
}

std::string with_reply(const RecipientRecord& recipient)
{
    const std::string words = outcome_words(recipient);
    return recipient.last_reply.empty() ? words : fmt::format("{} ({})", words, clean(recipient.last_reply));
}

/// The report that says most about this recipient; null: none came.
const Event* report_on(const store::Trace& trace, const RecipientRecord& recipient)
{
    const auto heard = vocabulary::answer_in(recipient.heard);
    if (!heard) return nullptr;
    for (const Event& event : trace.events)
        if (event.kind == "reported" && event.recipient == recipient.address && event.state == name_of(*heard))
            return &event;
    return nullptr;
}

/// What became of it, by what its own member reports and by what we know: the two are never mixed up.
std::string answer_words(const store::Trace& trace, const RecipientRecord& recipient)
{
    const std::string known = with_reply(recipient);
    if (const Event* event = report_on(trace, recipient))
        return fmt::format("{}, reported by {} at {}; {}", reported_words(event->state), clean(event->actor),
                           to_iso8601(event->at), known);
    return recipient.state == State::relayed ? known + "; nothing heard since" : known;
}

/// One word for it: taken, handed over, delivered, read, or how else it ended.
std::string_view answer_of(const RecipientRecord& recipient)
{
    if (const auto heard = vocabulary::answer_in(recipient.heard))
        if (*heard >= vocabulary::Heard::delivered) return name_of(*heard);
    switch (recipient.state) {
        case State::queued:
        case State::held:
        case State::quarantined:
            return "taken";
        case State::relayed:
            return "handed over";
        default:
            return store::name_of(recipient.state);
    }
}

/// What content rules had a say in, one line for each thing; nothing where none had.
std::string decision_text(const std::string& decision)
{
    boost::system::error_code malformed;
    const auto value = boost::json::parse(decision, malformed);
    if (malformed || !value.is_object()) return {};
    const auto& object = value.get_object();
    const auto text = [&](const char* name) {
        const auto* found = object.if_contains(name);
        return found != nullptr && found->is_string() ? clean(std::string_view(found->get_string())) : std::string{};
    };
    std::string lines;
    if (const auto rule = text("rule"); !rule.empty())
        lines += fmt::format("        {} by {}{}\n", text("verdict"), rule,
                             text("reason").empty() ? "" : ": " + text("reason"));
    if (const auto by = text("added_by"); !by.empty()) lines += fmt::format("        added by {}\n", by);
    const auto each = [&](const char* name, const char* words) {
        const auto* found = object.if_contains(name);
        if (found == nullptr || !found->is_array()) return;
        for (const auto& one : found->get_array())
            if (one.is_string())
                lines += fmt::format("        {} {}\n", words, clean(std::string_view(one.get_string())));
    };
    each("rules", "rule held:");
    each("notes", "note:");
    return lines;
}

/// By which signatures it was looked into, and what they found; nothing where nobody looked.
std::string scan_text(const std::string& evidence)
{
    boost::system::error_code malformed;
    const auto value = boost::json::parse(evidence, malformed);
    if (malformed || !value.is_object()) return {};
    const auto* scan = value.get_object().if_contains("scan");
    if (scan == nullptr || !scan->is_object()) return {};
    const auto text = [&](const char* name) {
        const auto* found = scan->get_object().if_contains(name);
        return found != nullptr && found->is_string() ? clean(std::string_view(found->get_string())) : std::string{};
    };
    const auto list = [&](const char* name) {
        std::vector<std::string> texts;
        const auto* found = scan->get_object().if_contains(name);
        if (found != nullptr && found->is_array())
            for (const auto& one : found->get_array())
                if (one.is_string()) texts.push_back(clean(std::string_view(one.get_string())));
        return fmt::format("{}", fmt::join(texts, ", "));
    };
    std::string line = fmt::format("  looked into by {}", text("signatures"));
    if (const auto viruses = list("viruses"); !viruses.empty())
        line += fmt::format("; virus {}; SHA-256 {}", viruses, text("sha256"));
    if (const auto reasons = list("unscannable"); !reasons.empty())
        line += fmt::format("; not to the end: {}", reasons);
    return line + "\n";
}

std::string event_line(const Event& event)
{
    std::string line = fmt::format("  {}  ", to_iso8601(event.at));
    if (!event.recipient.empty()) line += clean(event.recipient) + " ";
    const bool reported = event.kind == "reported";
    if (reported) line += fmt::format("reported by {}: ", clean(event.actor));
    line += words_of(event);
    if (!event.actor.empty() && !reported) line += fmt::format(", by {}", clean(event.actor));
    if (event.generation > 0) line += fmt::format(" [generation {}]", event.generation);
    return line + "\n";
}

void put(boost::json::object& object, std::string_view name, std::string_view text)
{
    if (text.empty()) return;
    object[name] = is_utf8(text) ? std::string(text) : clean(text);
}

boost::json::object message_json(const store::MessageRecord& message)
{
    boost::json::object object;
    put(object, "id", message.id);
    put(object, "received", to_iso8601(message.received));
    put(object, "origin", origin_name(message.origin));
    object["generation"] = message.generation;
    put(object, "organisation", message.organisation);
    object["sender"] = is_utf8(message.sender) ? message.sender : clean(message.sender);  // "" is the null sender
    put(object, "message_id", message.header_message_id);
    put(object, "peer", message.peer);
    put(object, "helo", message.helo);
    put(object, "tls", message.tls);
    object["size"] = message.size;
    put(object, "envelope_id", message.envelope_id);
    if (message.require_tls) object["require_tls"] = true;
    boost::system::error_code malformed;
    const auto rules = boost::json::parse(message.rules, malformed);
    if (!malformed) object["rules"] = rules;
    const auto evidence = boost::json::parse(message.evidence, malformed);
    if (!malformed) object["evidence"] = evidence;
    return object;
}

boost::json::object recipient_json(const RecipientRecord& recipient)
{
    boost::json::object object;
    put(object, "address", recipient.address);
    put(object, "hop_address", recipient.hop_address);
    put(object, "organisation", recipient.organisation);
    put(object, "state", store::name_of(recipient.state));
    put(object, "changed", to_iso8601(recipient.changed));
    put(object, "reply", recipient.last_reply);
    if (recipient.delay_reported) object["delay_reported"] = true;
    boost::system::error_code malformed;
    const auto decision = boost::json::parse(recipient.decision, malformed);
    if (!malformed) object["decision"] = decision;
    return object;
}

/// With what was heard of it: nothing is an answer, too.
boost::json::object answered_json(const RecipientRecord& recipient)
{
    auto object = recipient_json(recipient);
    put(object, "answer", answer_of(recipient));
    boost::json::array heard;
    for (const auto one : vocabulary::every_heard)
        if ((recipient.heard & vocabulary::bit(one)) != 0) heard.emplace_back(name_of(one));
    object["heard"] = std::move(heard);
    return object;
}

boost::json::object event_json(const Event& event)
{
    boost::json::object object;
    put(object, "time", to_iso8601(event.at));
    put(object, "kind", event.kind);
    put(object, "recipient", event.recipient);
    put(object, "state", event.state);
    put(object, event.kind == "received" ? "peer" : "next_hop", event.next_hop);
    put(object, "tls", event.tls);
    put(object, "reply", event.reply);
    if (event.generation > 0) object["generation"] = event.generation;
    put(object, "actor", event.actor);
    return object;
}

boost::json::array recipients_json(const std::vector<RecipientRecord>& recipients)
{
    boost::json::array array;
    for (const RecipientRecord& recipient : recipients) array.push_back(recipient_json(recipient));
    return array;
}

}  // namespace

std::string trace_text(const store::Trace& trace)
{
    const store::MessageRecord& message = trace.message;
    std::string text = fmt::format("{}  {} bytes from {}{}\n", message.id, message.size, sender_of(message),
                                   message.organisation.empty() ? "" : " of " + clean(message.organisation));
    if (!message.header_message_id.empty()) text += fmt::format("  Message-ID {}\n", clean(message.header_message_id));
    if (!message.rules.empty() && message.rules != "[]")
        text += fmt::format("  rules that held {}\n", clean(message.rules));
    text += scan_text(message.evidence);
    for (const Event& event : trace.events) text += event_line(event);
    text += "  outcome\n";
    for (const RecipientRecord& recipient : trace.recipients)
        text += fmt::format("    {}  {}\n", clean(recipient.address), answer_words(trace, recipient)) +
                decision_text(recipient.decision);
    return text;
}

boost::json::object trace_json(const store::Trace& trace)
{
    boost::json::object object;
    object["message"] = message_json(trace.message);
    boost::json::array recipients;
    for (const RecipientRecord& recipient : trace.recipients) recipients.push_back(answered_json(recipient));
    object["recipients"] = std::move(recipients);
    boost::json::array events;
    for (const Event& event : trace.events) events.push_back(event_json(event));
    object["events"] = std::move(events);
    return object;
}

namespace {

std::string until(const store::DeliveryRecord& delivery, const char* what)
{
    return delivery.ends ? fmt::format("  {} by itself at {}\n", what, to_iso8601(*delivery.ends)) : std::string{};
}

}  // namespace

std::string queue_text(const store::QueueEntry& entry)
{
    const store::DeliveryRecord& delivery = entry.delivery;
    std::string text = fmt::format("{}  {}  {} bytes from {} to {}\n", entry.message.id,
                                   to_iso8601(entry.message.received), entry.message.size, sender_of(entry.message),
                                   delivery.organisation.empty() ? "outside" : clean(delivery.organisation));
    if (delivery.quarantined)
        text +=
            fmt::format("  in quarantine{}{}\n", delivery.hold_reason.empty() ? "" : ": " + clean(delivery.hold_reason),
                        delivery.rule.empty() ? "" : " (rule " + clean(delivery.rule) + ")") +
            until(delivery, "deleted");
    else if (delivery.held)
        text += fmt::format("  held{}\n", delivery.hold_reason.empty() ? "" : ": " + clean(delivery.hold_reason)) +
                until(delivery, "goes on");
    else if (delivery.undecided)
        text += fmt::format("  to be decided again, {} attempt{} so far, next not before {}\n", delivery.attempts,
                            delivery.attempts == 1 ? "" : "s", to_iso8601(delivery.due));
    else if (!delivery.bounce_reason.empty())
        text += fmt::format("  to be given up: {}\n", clean(delivery.bounce_reason));
    else
        text += fmt::format("  {} attempt{} so far, next not before {}\n", delivery.attempts,
                            delivery.attempts == 1 ? "" : "s", to_iso8601(delivery.due));
    for (const RecipientRecord& recipient : delivery.recipients)
        text += fmt::format("    {}  {}{}\n", clean(recipient.address), store::name_of(recipient.state),
                            recipient.last_reply.empty() ? "" : " (" + clean(recipient.last_reply) + ")");
    return text;
}

boost::json::object queue_json(const store::QueueEntry& entry)
{
    boost::json::object object = message_json(entry.message);
    boost::json::object delivery;
    delivery["id"] = entry.delivery.id;
    put(delivery, "organisation", entry.delivery.organisation);
    delivery["attempts"] = entry.delivery.attempts;
    delivery["held"] = entry.delivery.held;
    if (entry.delivery.undecided) delivery["undecided"] = true;
    if (entry.delivery.quarantined) delivery["quarantined"] = true;
    put(delivery, "rule", entry.delivery.rule);
    if (entry.delivery.ends) put(delivery, "ends", to_iso8601(*entry.delivery.ends));
    put(delivery, "hold_reason", entry.delivery.hold_reason);
    put(delivery, "bounce_reason", entry.delivery.bounce_reason);
    if (!entry.delivery.held) put(delivery, "due", to_iso8601(entry.delivery.due));
    delivery["recipients"] = recipients_json(entry.delivery.recipients);
    object["delivery"] = std::move(delivery);
    return object;
}

}  // namespace postern::ledger
