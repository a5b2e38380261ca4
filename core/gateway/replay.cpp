#include "gateway/replay.hpp"

#include "base/text.hpp"
#include "gateway/evidence.hpp"
#include "gateway/facts.hpp"
#include "gateway/recipients.hpp"
#include "gateway/rehearsal_sources.hpp"
#include "mail/reply.hpp"
#include "policy/parse.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>

namespace postern::gateway {

namespace {

namespace json = boost::json;

std::string text_in(const json::object& object, std::string_view name)
{
    const auto* found = object.if_contains(name);
    return found && found->is_string() ? std::string(found->get_string()) : std::string{};
}

std::vector<std::string> texts_in(const json::object& object, std::string_view name)
{
    std::vector<std::string> texts;
    if (const auto* found = object.if_contains(name); found && found->is_array())
        for (const auto& one : found->get_array())
            if (one.is_string()) texts.emplace_back(one.get_string());
    return texts;
}

/// What the scanner found then; nothing where that was not kept.
std::optional<vocabulary::Inspection> scan_in(const json::object& message)
{
    const auto* evidence = message.if_contains("evidence");
    const auto* scan = evidence && evidence->is_object() ? evidence->get_object().if_contains("scan") : nullptr;
    if (!scan || !scan->is_object()) return {};
    vocabulary::Inspection seen;
    seen.signatures = text_in(scan->get_object(), "signatures");
    for (auto& signature : texts_in(scan->get_object(), "viruses")) seen.viruses.push_back({std::move(signature), 0});
    seen.unscannable = texts_in(scan->get_object(), "unscannable");
    return seen;
}

std::uint64_t number_in(const json::object& object, std::string_view name)
{
    const auto* found = object.if_contains(name);
    return found && found->is_number() ? found->to_number<std::uint64_t>() : 0;
}

class Replay {
public:
    Replay(const RehearsalDesk& desk, const RecordedMail& mail)
        : desk_(desk), mail_(mail), props_(desk, mail.received, std::nullopt, result_.notes)
    {
    }

    Rehearsed run()
    {
        run_here(play());
        return std::move(result_);
    }

private:
    boost::asio::awaitable<void> play()
    {
        result_.sender = mail_.sender ? mail_.sender->text() : "<>";
        result_.size = mail_.size;
        result_.at = mail_.received;
        result_.generation = desk_.policy->generation();
        result_.notes.emplace_back(
            "the content is no longer kept: clauses on it are decided by what the ledger kept (record:), others are "
            "not known");
        const auto* organisation = desk_.policy->organisation(mail_.organisation);
        result_.organisation = mail_.organisation;
        if (organisation == nullptr) {
            turn_all_away("its sender's organisation is no member");
            co_return;
        }
        result_.organisation_name = organisation->name;
        transaction_.generation = props_.generation();
        transaction_.organisation = organisation;
        transaction_.sender.path = mail_.sender;
        transaction_.inside_sender = mail_.sender;
        if (const auto peer = vocabulary::parse_ip(mail_.peer)) transaction_.peer = *peer;
        transaction_.tls = true;
        for (const auto& recipient : mail_.recipients) co_await decide(recipient);
    }

    void turn_all_away(const std::string& why)
    {
        for (const auto& recorded : mail_.recipients) {
            auto& recipient = result_.recipients.emplace_back();
            recipient.said = recipient.address = recorded.address;
            recipient.verdict = "refuse";
            recipient.reply = "550 5.7.1 " + why;
        }
    }

    boost::asio::awaitable<void> decide(const RecordedRecipient& recorded)
    {
        auto& recipient = result_.recipients.emplace_back();
        recipient.said = recipient.address = recorded.address;
        auto address = mail::Address::parse(recorded.address);
        if (!address) co_return;
        const std::string key = address->key();
        mail::Recipient said;
        said.address = std::move(*address);
        Recipients recipients(props_.sources());
        auto accepted = co_await recipients.accept(transaction_, std::move(said));
        if (!accepted) {
            turn_away(recipient, accepted.error());
            recipient.rule = last_that_held(*props_.book().of(key), "permissions.yaml");
        } else {
            recipient.organisation = accepted->organisation ? accepted->organisation->id : std::string{};
            recipient.hop_address = accepted->hop_address;
            recipient.limit = accepted->limit.bytes;
            recipient.limit_whose = accepted->limit.whose;
            decide_content(recipient, recorded, *accepted, key);
        }
        recipient.trail = each_once(*props_.book().of(key));
        for (const auto& rule : recipient.trail.rules)
            if (rule.held == policy::Truth::yes && rule.why_not.empty()) recipient.rules.push_back(rule.rule);
    }

    static void turn_away(RehearsedRecipient& recipient, const Fault& fault)
    {
        recipient.verdict = fault.retry() == Retry::never ? "refuse" : "defer";
        recipient.reply = mail::Reply::from(fault).summary();
        recipient.detail = fault.describe();
    }

    void decide_content(RehearsedRecipient& recipient, const RecordedRecipient& recorded,
                        const AcceptedRecipient& accepted, const std::string& key)
    {
        auto facts = facts_of(transaction_, accepted, mail_.received);
        facts.stage = vocabulary::Stage::message;
        facts.size = mail_.size;
        facts.recorded = &mail_.content;
        facts.first_contact = recorded.first_contact;
        facts.recipients =
            static_cast<std::size_t>(std::ranges::count(mail_.recipients, false, &RecordedRecipient::added));
        facts.inspection = mail_.scan ? &*mail_.scan : nullptr;
        auto* trail = props_.book().of(key);
        const auto content = desk_.policy->content(facts, {}, trail);
        take(recipient, content);
        const bool undecided = std::ranges::any_of(trail->rules, [](const policy::RuleSeen& rule) {
            return rule.file == "content.yaml" && rule.held == policy::Truth::unknown && rule.why_not.empty();
        });
        if (undecided) {
            recipient.verdict = "undecided";
            recipient.reply.clear();
            recipient.detail = "a rule asks for content that is not kept";
        }
        if (recipient.verdict == "deliver" && mail_.size > content.limit.value_or(recipient.limit)) {
            recipient.verdict = "reject";
            recipient.reply = "552 5.3.4 too large for the recipient";
        }
        static_cast<void>(desk_.policy->tags(facts, trail));
        facts.stage = vocabulary::Stage::delivery;
        const auto route = desk_.policy->route(facts, trail);
        recipient.route = route ? route->rule : route.error().describe();
        if (route && route->next_hop) recipient.next_hop = hop_words(*route->next_hop);
    }

    static void take(RehearsedRecipient& recipient, const policy::ContentDecision& content)
    {
        using Verdict = policy::ContentDecision::Verdict;
        static constexpr std::array words{"deliver", "reject", "defer", "quarantine", "hold"};
        recipient.verdict = words.at(static_cast<std::size_t>(content.verdict));
        recipient.rule = content.rule;
        recipient.reason = content.reason;
        recipient.notes = content.notes;
        if (content.fault) recipient.reply = mail::Reply::from(*content.fault).summary();
        if (content.redirect_to && content.verdict == Verdict::deliver) {
            recipient.verdict = "redirect";
            recipient.redirected_to = content.redirect_to->text();
        }
    }

    const RehearsalDesk& desk_;
    const RecordedMail& mail_;
    Rehearsed result_;
    RehearsalSources props_;
    Transaction transaction_;
};

RecordedRecipient read_recipient(const json::object& object)
{
    RecordedRecipient recipient{text_in(object, "address"), text_in(object, "organisation")};
    const auto* decision = object.if_contains("decision");
    if (decision == nullptr || !decision->is_object()) return recipient;
    recipient.added = !text_in(decision->get_object(), "added_by").empty();
    if (const auto* first = decision->get_object().if_contains("first_contact"); first && first->is_bool())
        recipient.first_contact = first->get_bool();
    return recipient;
}

/// Places move from one policy to another: rules are told by their names.
std::string without_place(const std::string& rule)
{
    const auto colon = rule.find(':');
    const auto space = rule.find(' ');
    if (colon == std::string::npos || space == std::string::npos || space < colon) return rule;
    return rule.substr(0, colon) + rule.substr(space);
}

/// Everything that a sender or a recipient would notice.
std::string outcome_of(const RehearsedRecipient& recipient)
{
    std::string words = recipient.verdict;
    if (!recipient.redirected_to.empty()) words += " to " + recipient.redirected_to;
    if (!recipient.rule.empty()) words += " by " + without_place(recipient.rule);
    if (!recipient.reply.empty()) words += fmt::format(" \"{}\"", recipient.reply);
    if (recipient.verdict != "deliver" && recipient.verdict != "hold") return words;
    if (!recipient.next_hop.empty()) words += " to " + recipient.next_hop;
    std::vector<std::string> marks;
    for (const auto& rule : recipient.rules)
        if (rule.starts_with("tagging.yaml") || rule.starts_with("content.yaml")) marks.push_back(without_place(rule));
    if (!marks.empty()) words += fmt::format(", marked by {}", fmt::join(marks, ", "));
    return words;
}

}  // namespace

Result<RecordedMail> read_recorded(const json::object& trace)
{
    const auto* message = trace.if_contains("message");
    const auto* recipients = trace.if_contains("recipients");
    if (!message || !message->is_object() || !recipients || !recipients->is_array())
        return fault(Retry::never, "no message of a trace");
    const auto& object = message->get_object();
    RecordedMail mail;
    mail.id = text_in(object, "id");
    if (text_in(object, "origin") != "member")
        return fault(Retry::never, "made by this service, so no rule about members' mail decided it").about(mail.id);
    auto received = text_in(object, "received");
    if (const auto dot = received.find('.'); dot != std::string::npos) received = received.substr(0, dot) + "Z";
    if (const auto at = policy::parse_instant(received)) mail.received = *at;
    mail.generation = number_in(object, "generation");
    mail.organisation = text_in(object, "organisation");
    if (auto sender = mail::Address::parse(text_in(object, "sender"))) mail.sender = std::move(*sender);
    mail.peer = text_in(object, "peer");
    mail.size = number_in(object, "size");
    if (const auto* evidence = object.if_contains("evidence"); evidence && evidence->is_object())
        mail.content = recorded_in(evidence->get_object());
    mail.scan = scan_in(object);
    for (const auto& recipient : recipients->get_array())
        if (recipient.is_object()) mail.recipients.push_back(read_recipient(recipient.get_object()));
    return mail;
}

Rehearsed replay(const RehearsalDesk& desk, const RecordedMail& mail)
{
    return Replay(desk, mail).run();
}

std::vector<std::string> unknown_clauses(const RehearsedRecipient& recipient)
{
    std::vector<std::string> clauses;
    for (const auto& rule : recipient.trail.rules) {
        if (rule.held != policy::Truth::unknown || !rule.why_not.empty()) continue;
        for (const auto& clause : rule.clauses)
            if (clause.held == policy::Truth::unknown && !clause.wanted.empty())
                clauses.push_back(fmt::format("{} {}", clause.place, clause.field));
    }
    return clauses;
}

ReplayReport replay_both(const RehearsalDesk& before, const RehearsalDesk& after,
                         const std::vector<RecordedMail>& mails)
{
    ReplayReport report;
    std::map<std::string, std::size_t> unknown;
    for (const auto& mail : mails) {
        ++report.messages;
        const auto old_outcome = replay(before, mail);
        const auto new_outcome = replay(after, mail);
        for (std::size_t i = 0; i < old_outcome.recipients.size(); ++i) {
            ++report.recipients;
            const auto& was = old_outcome.recipients[i];
            const auto& is = new_outcome.recipients[i];
            if (was.verdict == "undecided" || is.verdict == "undecided") ++report.undecided;
            for (const auto* one : {&was, &is})
                for (auto& clause : unknown_clauses(*one)) ++unknown[(one == &was ? "old " : "new ") + clause];
            auto old_words = outcome_of(was);
            auto new_words = outcome_of(is);
            if (old_words != new_words)
                report.changes.push_back({mail.id, mail.received, old_outcome.sender, was.address, std::move(old_words),
                                          std::move(new_words)});
        }
    }
    report.unknown.assign(unknown.begin(), unknown.end());
    return report;
}

std::string replay_text(const ReplayReport& report)
{
    std::string text = fmt::format("replayed {} messages to {} recipients: {} would differ, {} can't be decided\n",
                                   report.messages, report.recipients, report.changes.size(), report.undecided);
    for (const auto& change : report.changes)
        text += fmt::format("{}  {}  {} to {}\n    was {}\n    is  {}\n", change.id, to_iso8601(change.received),
                            printable(change.sender), printable(change.recipient), printable(change.before, 400),
                            printable(change.after, 400));
    if (!report.unknown.empty()) text += "could not be replayed, since what they ask for is not kept:\n";
    for (const auto& [clause, times] : report.unknown) text += fmt::format("  {}  ({} recipients)\n", clause, times);
    return text;
}

json::object replay_json(const ReplayReport& report)
{
    json::array changes, unknown;
    for (const auto& change : report.changes)
        changes.push_back({{"id", change.id},
                           {"received", to_iso8601(change.received)},
                           {"sender", printable(change.sender)},
                           {"recipient", printable(change.recipient)},
                           {"before", printable(change.before, 1000)},
                           {"after", printable(change.after, 1000)}});
    for (const auto& [clause, times] : report.unknown) unknown.push_back({{"clause", clause}, {"recipients", times}});
    return {{"messages", report.messages},
            {"recipients", report.recipients},
            {"undecided", report.undecided},
            {"changes", std::move(changes)},
            {"unknown", std::move(unknown)}};
}

}  // namespace postern::gateway
