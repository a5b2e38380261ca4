#include "gateway/verdicts.hpp"

#include "base/text.hpp"
#include "gateway/facts.hpp"
#include "mail/reply.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::gateway {

namespace {

namespace json = boost::json;
using policy::ContentDecision;

Fault too_large(const AcceptedRecipient& recipient, std::uint64_t limit, const std::string& whose, std::uint64_t size)
{
    return fault(Retry::never, "too large for the recipient")
        .about(recipient.inside.text())
        .tell_peer(52, {3, 4},
                   fmt::format("{} accepts at most {} for <{}>; this message has {}", whose,
                               vocabulary::print_size(limit), recipient.inside.text(), vocabulary::print_size(size)));
}

Fault undecided(const ContentDecision& content)
{
    return fault(Retry::later, fmt::format("{} can't be decided", content.rule))
        .tell_peer(51, {7, 0}, "What this message holds cannot be looked at the moment; please try again");
}

PlannedRecipient planned_for(const AcceptedRecipient& recipient)
{
    PlannedRecipient planned;
    planned.key = recipient.inside.key();
    planned.organisation = recipient.organisation;
    planned.record.address = recipient.inside.text();
    planned.record.hop_address = recipient.hop_address;
    planned.record.organisation = recipient.organisation ? recipient.organisation->id : std::string{};
    planned.record.notify = recipient.said.notify;
    planned.record.original_recipient = recipient.said.original_recipient;
    return planned;
}

void turn_away(PlannedRecipient& planned, Fault fault)
{
    planned.verdict = fault.retry() == Retry::never ? Verdict::refuse : Verdict::defer;
    planned.record.last_reply = mail::Reply::from(fault).summary();
    if (planned.verdict == Verdict::refuse) planned.bounce_reason = planned.record.last_reply;
    planned.fault = std::move(fault);
}

/// As the ledger keeps it with the recipient. Empty where no content rule had a say.
std::string decision_text(const PlannedRecipient& planned, const ContentDecision& content, const std::string& added_by)
{
    const bool had_a_say =
        !content.rules.empty() || !content.rule.empty() || !content.notes.empty() || !added_by.empty();
    if (!had_a_say && !planned.first_contact) return {};
    json::object object{{"verdict", std::string(name_of(planned))}};
    if (planned.first_contact) object["first_contact"] = *planned.first_contact;
    const auto put = [&](const char* name, const std::string& text) {
        if (!text.empty()) object[name] = printable(text, 1000);
    };
    put("rule", content.rule);
    put("reason", content.reason);
    put("added_by", added_by);
    if (content.redirect_to) put("redirect", content.redirect_to->text());
    const auto texts = [&](const char* name, const std::vector<std::string>& all) {
        json::array array;
        for (const auto& text : all) array.emplace_back(printable(text, 1000));
        if (!array.empty()) object[name] = std::move(array);
    };
    texts("rules", content.rules);
    texts("notes", content.notes);
    return json::serialize(object);
}

std::string with_note(const std::string& decision, std::string_view verdict, const std::string& note)
{
    boost::system::error_code malformed;
    auto value = decision.empty() ? json::value(json::object{{"verdict", std::string(verdict)}})
                                  : json::parse(decision, malformed);
    if (malformed || !value.is_object()) return decision;
    auto& notes = value.get_object()["notes"];
    if (!notes.is_array()) notes = json::array{};
    notes.get_array().emplace_back(printable(note, 1000));
    return json::serialize(value);
}

std::string with_verdict(const std::string& decision, std::string_view verdict)
{
    boost::system::error_code malformed;
    auto value = json::parse(decision, malformed);
    if (malformed || !value.is_object()) return decision;
    value.get_object()["verdict"] = std::string(verdict);
    return json::serialize(value);
}

const std::string& last_rule(const ContentDecision& content)
{
    static const std::string none;
    if (!content.rule.empty()) return content.rule;
    return content.rules.empty() ? none : content.rules.back();
}

/// Edits of the rules that held for who it was for first, then those that held only for who gets it.
std::vector<policy::TagOrder> joined(const std::vector<policy::TagOrder>& first, std::vector<policy::TagOrder> then)
{
    std::vector<policy::TagOrder> all = first;
    for (auto& order : then)
        if (std::ranges::find(first, order.rule, &policy::TagOrder::rule) == first.end())
            all.push_back(std::move(order));
    return all;
}

Fault redirect_fault(const std::string& from, const mail::Address& to, const Fault& why)
{
    const auto peer = why.peer();
    return fault(why.retry(), "redirected by a content rule to a recipient that can't get it")
        .about(from)
        .because(why)
        .tell_peer(peer.digits, peer.status,
                   fmt::format("Mail for <{}> is redirected to <{}>: {}", from, to.text(), peer.text));
}

}  // namespace

std::string_view name_of(const PlannedRecipient& planned)
{
    switch (planned.verdict) {
        case Verdict::refuse:
            return "reject";
        case Verdict::defer:
            return "defer";
        case Verdict::quarantine:
            return "quarantine";
        case Verdict::hold:
            return "hold";
        case Verdict::deliver:
            return "deliver";
        case Verdict::elsewhere:
            break;
    }
    return store::name_of(planned.record.state);
}

Verdicts::Async<MessageView> Verdicts::look_at(const policy::Snapshot& policy, const mail::Header& header,
                                               store::Content content, std::size_t recipients) const
{
    MessageView view{header, std::move(content), recipients};
    const auto& needs = policy.needs();
    const bool inside = needs.types || needs.members || needs.viruses;
    if (needs.structure || needs.digests || inside)
        view.structure = std::make_shared<const mail::Structure>(mail::read_structure(*view.content, needs.digests));
    if (!inside || sources_.inspector == nullptr) co_return view;
    ports::InspectionOrder order;
    order.content = view.content;
    order.structure = view.structure;
    order.types = needs.types;
    order.members = needs.members;
    order.obstacles = needs.obstacles;
    order.viruses = needs.viruses;
    auto seen = co_await sources_.inspector->inspect(std::move(order));
    if (seen)
        view.inspection = std::move(*seen);
    else if (needs.viruses)
        view.unscanned = seen.error();
    co_return view;
}

PlannedRecipient Verdicts::turned_away(const AcceptedRecipient& recipient, Fault fault)
{
    auto planned = planned_for(recipient);
    turn_away(planned, std::move(fault));
    return planned;
}

Verdicts::Async<Verdicts::Outcome> Verdicts::decide_one(const Transaction& transaction,
                                                        const AcceptedRecipient& recipient, const MessageView& view,
                                                        std::span<const std::string> except)
{
    const auto& policy = transaction.policy();
    Outcome outcome{planned_for(recipient), {}};
    auto& planned = outcome.planned;
    const std::uint64_t size = view.content->size();
    if (recipient.organisation && size > recipient.limit.bytes) {
        turn_away(planned, too_large(recipient, recipient.limit.bytes, recipient.limit.whose, size));
        co_return outcome;
    }
    const Instant now = sources_.clock.now();
    auto facts = facts_of(transaction, recipient, now);
    facts.stage = vocabulary::Stage::message;
    facts.header = &view.header;
    facts.content = *view.content;
    facts.size = size;
    facts.structure = view.structure.get();
    facts.inspection = view.inspection ? &*view.inspection : nullptr;
    facts.recipients = view.recipients;
    if (policy.needs().first_contact && transaction.inside_sender) {
        auto reached = co_await sources_.history.has_reached(transaction.inside_sender->text(), planned.record.address);
        if (reached) planned.first_contact = facts.first_contact = !*reached;
    }
    auto* trail = sources_.trail(planned.key);
    outcome.content = policy.content(facts, except, trail);
    const auto& content = outcome.content;
    planned.tags = content.edits;
    planned.rules = content.rules;
    planned.rule = content.rule_name;
    planned.reason = content.reason;
    switch (content.verdict) {
        case ContentDecision::Verdict::deliver:
            planned.rule.clear();
            break;
        case ContentDecision::Verdict::reject:
        case ContentDecision::Verdict::defer:
            turn_away(planned, content.fault ? *content.fault : undecided(content));
            break;
        case ContentDecision::Verdict::quarantine:
            planned.verdict = Verdict::quarantine;
            planned.ends = now + content.lasts.value_or(policy.keeping().quarantine);
            break;
        case ContentDecision::Verdict::hold:
            planned.verdict = Verdict::hold;
            planned.ends = now + content.lasts.value_or(policy.keeping().hold);
            break;
    }
    const bool goes_on = planned.verdict == Verdict::deliver || planned.verdict == Verdict::hold;
    if (goes_on && content.limit && size > *content.limit)
        turn_away(planned, too_large(recipient, *content.limit, content.limit_rule, size));
    else if (auto tags = policy.tags(facts, trail); tags)
        planned.tags = joined(planned.tags, std::move(*tags));
    else if (goes_on)
        turn_away(planned, tags.error());
    planned.record.decision = decision_text(planned, content, {});
    co_return outcome;
}

Verdicts::Async<void> Verdicts::decide(const Transaction& transaction, const AcceptedRecipient& recipient,
                                       const MessageView& view, const Ruling& ruling, Decided& decided)
{
    decided.seen.insert(recipient.inside.key());
    auto outcome = co_await decide_one(transaction, recipient, view, ruling.except);
    const auto goes_on = [&] {
        return outcome.planned.verdict == Verdict::deliver || outcome.planned.verdict == Verdict::hold;
    };
    if (ruling.follows_rules) {
        // Who is added first: then a redirect moves what is left, the recipient itself.
        const auto addresses = goes_on() ? outcome.content.add_recipients : std::vector<mail::Address>{};
        for (const auto& address : addresses)
            if (goes_on()) co_await add(transaction, outcome, address, view, decided);
        if (goes_on() && outcome.content.redirect_to) co_await redirect(transaction, outcome, view, decided);
    }
    note(outcome, decided);
    decided.recipients.push_back(std::move(outcome.planned));
}

void Verdicts::note(Outcome& outcome, Decided& decided) const
{
    for (auto& order : outcome.content.notices)
        decided.notices.push_back({std::move(order), last_rule(outcome.content), outcome.planned.record.address,
                                   outcome.planned.organisation});
    outcome.content.notices.clear();
}

/// The checks and the rules that any recipient meets, for one that a rule names.
Verdicts::Async<Result<Verdicts::Outcome>> Verdicts::other(const Transaction& transaction, const Outcome& from,
                                                           const mail::Address& address, mail::Recipient said,
                                                           const MessageView& view)
{
    said.address = address;
    auto accepted = co_await recipients_.accept(transaction, std::move(said));
    if (!accepted) co_return std::unexpected(accepted.error());
    if (!accepted->organisation)
        co_return fault(Retry::never, "a rule's recipient is outside the community")
            .about(address.text())
            .tell_peer(50, {7, 1}, fmt::format("<{}> is outside of this community", address.text()));
    const std::span<const std::string> nothing_excepted;
    auto outcome = co_await decide_one(transaction, *accepted, view, nothing_excepted);
    auto& planned = outcome.planned;
    planned.added = true;
    if (planned.fault) {
        transaction.rates->give_back(planned.key);
        co_return std::unexpected(*planned.fault);
    }
    if (planned.verdict == Verdict::deliver && from.planned.verdict == Verdict::hold) {
        planned.verdict = Verdict::hold;
        planned.reason = from.planned.reason;
        planned.rule = from.planned.rule;
        planned.ends = from.planned.ends;
    }
    planned.tags = joined(from.planned.tags, std::move(planned.tags));
    planned.record.decision = decision_text(
        planned, outcome.content, fmt::format("{} for {}", last_rule(from.content), from.planned.record.address));
    co_return outcome;
}

Verdicts::Async<void> Verdicts::redirect(const Transaction& transaction, Outcome& from, const MessageView& view,
                                         Decided& decided)
{
    const mail::Address to = *from.content.redirect_to;
    auto& planned = from.planned;
    if (to.key() == planned.key) co_return;
    if (!decided.seen.contains(to.key())) {
        // Reports follow the redirect, as the sender asked for them (RFC 3461 section 5.2.7.1).
        mail::Recipient said{to, planned.record.notify, planned.record.original_recipient};
        auto target = co_await other(transaction, from, to, std::move(said), view);
        if (!target) {
            turn_away(planned, redirect_fault(planned.record.address, to, target.error()));
            planned.record.decision = decision_text(planned, from.content, {});
            co_return;
        }
        decided.seen.insert(to.key());
        note(*target, decided);
        decided.recipients.push_back(std::move(target->planned));
    }
    planned.verdict = Verdict::elsewhere;
    planned.record.state = store::State::redirected;
    planned.redirected_to = to;
    planned.record.last_reply = fmt::format("redirected to {} by {}", to.text(), last_rule(from.content));
    planned.record.decision = decision_text(planned, from.content, {});
    ++sources_.metrics.recipients_redirected;
}

void Verdicts::annotate(PlannedRecipient& recipient, const std::string& note)
{
    recipient.record.decision = with_note(recipient.record.decision, name_of(recipient), note);
}

void Verdicts::settle_redirects(Decided& decided)
{
    for (auto& planned : decided.recipients) {
        if (!planned.redirected_to) continue;
        const mail::Address to = *planned.redirected_to;
        const auto target = std::ranges::find(decided.recipients, to.key(), &PlannedRecipient::key);
        if (target == decided.recipients.end()) continue;
        if (target->fault) {
            turn_away(planned, redirect_fault(planned.record.address, to, *target->fault));
        } else if (target->verdict == Verdict::elsewhere) {
            planned.verdict = Verdict::deliver;
            planned.record.state = store::State::queued;
            planned.record.last_reply.clear();
        } else {
            continue;
        }
        planned.redirected_to.reset();
        planned.record.decision = with_verdict(planned.record.decision, name_of(planned));
    }
}

// Who was added and can't get it is kept in the ledger: the sender does not know of them. Who can't be asked now makes
// the recipient wait, so that the copy is not forgotten.
Verdicts::Async<void> Verdicts::add(const Transaction& transaction, Outcome& beside, const mail::Address& address,
                                    const MessageView& view, Decided& decided)
{
    if (decided.seen.contains(address.key())) co_return;
    mail::Recipient said{address, {}, {}};
    said.notify.specified = said.notify.never = true;
    auto target = co_await other(transaction, beside, address, std::move(said), view);
    if (!target && target.error().retry() == Retry::later) {
        turn_away(beside.planned, target.error());
        beside.planned.record.decision = decision_text(beside.planned, beside.content, {});
        co_return;
    }
    decided.seen.insert(address.key());
    if (target) {
        note(*target, decided);
        decided.recipients.push_back(std::move(target->planned));
        co_return;
    }
    PlannedRecipient refused;
    refused.key = address.key();
    refused.added = true;
    refused.verdict = Verdict::elsewhere;
    refused.record.address = refused.record.hop_address = address.text();
    refused.record.notify = {.specified = true, .never = true};
    refused.record.state = store::State::refused;
    refused.record.last_reply =
        fmt::format("added by {}: {}", last_rule(beside.content), mail::Reply::from(target.error()).summary());
    refused.record.decision =
        decision_text(refused, {}, fmt::format("{} for {}", last_rule(beside.content), beside.planned.record.address));
    decided.recipients.push_back(std::move(refused));
}

}  // namespace postern::gateway
