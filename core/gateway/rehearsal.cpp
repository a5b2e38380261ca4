#include "gateway/rehearsal.hpp"

#include "base/text.hpp"
#include "gateway/admission.hpp"
#include "gateway/composition.hpp"
#include "gateway/facts.hpp"
#include "gateway/judgement.hpp"
#include "gateway/recipients.hpp"
#include "gateway/rehearsal_sources.hpp"
#include "mail/reply.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json/parse.hpp>

namespace postern::gateway {

namespace {

using Answer = boost::asio::awaitable<void>;

vocabulary::Ip peer_of(const RehearsedMail& mail, const vocabulary::Organisation& organisation)
{
    if (mail.peer) return *mail.peer;
    if (organisation.connects_from && !organisation.connects_from->networks.empty())
        return organisation.connects_from->networks.front().base;
    return *vocabulary::parse_ip("192.0.2.1");
}

/// Folding leaves tabs; people want spaces.
std::string one_line(std::string text)
{
    std::ranges::replace(text, '\t', ' ');
    return text;
}

/// The fields of a header section as people read them.
std::vector<std::pair<std::string, std::string>> fields_of(std::string_view content)
{
    std::vector<std::pair<std::string, std::string>> fields;
    if (const auto header = mail::Header::parse(content, {std::size_t{1} << 20, 5000}))
        for (const auto& field : header->fields())
            fields.emplace_back(std::string(field.name), one_line(mail::decode_text(field.value, 2000)));
    return fields;
}

std::string first_of(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view name)
{
    const auto found = std::ranges::find_if(fields, [&](const auto& f) { return iequals(f.first, name); });
    return found == fields.end() ? std::string{} : found->second;
}

/// What went and what came, name by name: the fields of one name keep their order.
std::vector<FieldChange> changes_between(const std::vector<std::pair<std::string, std::string>>& before,
                                         const std::vector<std::pair<std::string, std::string>>& after)
{
    std::vector<FieldChange> changes;
    auto left = before;
    std::vector<std::pair<std::string, std::string>> fresh;
    for (const auto& field : after) {
        const auto same = std::ranges::find(left, field);
        if (same == left.end())
            fresh.push_back(field);
        else
            left.erase(same);
    }
    for (const auto& [name, value] : fresh) {
        const auto old = std::ranges::find_if(left, [&](const auto& f) { return iequals(f.first, name); });
        if (old == left.end()) {
            changes.push_back({FieldChange::What::added, name, {}, value});
        } else {
            changes.push_back({FieldChange::What::changed, name, old->second, value});
            left.erase(old);
        }
    }
    for (const auto& [name, value] : left) changes.push_back({FieldChange::What::removed, name, value, {}});
    return changes;
}

class Stage {
public:
    Stage(const RehearsalDesk& desk, const RehearsedMail& mail)
        : desk_(desk), mail_(mail), props_(desk, mail.at, mail.first_contact, result_.notes)
    {
    }

    Rehearsed run()
    {
        run_here(play());
        return std::move(result_);
    }

private:
    Answer play()
    {
        describe_mail();
        const auto* organisation = whose();
        if (organisation == nullptr) co_return;
        result_.organisation = organisation->id;
        result_.organisation_name = organisation->name;
        connection_ = connection(*organisation);
        Entrant entrant;
        entrant.generation = props_.generation();
        entrant.organisation = organisation;
        entrant.peer = connection_.peer.ip;
        entrant.tls = true;
        entrant.listener = connection_.peer.listener;
        mail::Sender sender;
        sender.path = mail_.from;
        sender.smtputf8 = mail_.from && mail_.from->needs_utf8();
        Admission admission(props_.sources());
        auto begun = co_await admission.begin(std::move(entrant), std::move(sender));
        if (!begun) {
            refuse_all(begun.error());
            co_return;
        }
        auto& transaction = *begun;
        result_.sender = transaction.inside_sender ? transaction.inside_sender->text() : "<>";
        if (!fits_sender(transaction)) co_return;
        co_await say_recipients(transaction);
        if (!transaction.recipients.empty()) co_await say_content(transaction);
        finish(transaction);
    }

    void describe_mail()
    {
        const auto fields = fields_of(*mail_.content);
        before_ = fields;
        result_.subject = first_of(fields, "Subject");
        result_.size = mail_.content->size();
        result_.at = mail_.at;
        result_.generation = desk_.policy->generation();
        result_.sender = mail_.from ? mail_.from->text() : "<>";
    }

    /// Whose connection it is; null, and all is refused, where nobody is named or found.
    const vocabulary::Organisation* whose()
    {
        const auto& policy = *desk_.policy;
        if (!mail_.connects_from.empty()) {
            if (const auto* named = policy.organisation(mail_.connects_from)) return named;
            refuse_all(fault(Retry::never, fmt::format("there is no organisation \"{}\"", mail_.connects_from))
                           .tell_peer(50, {7, 1}, "This service carries mail for its members only"));
            return nullptr;
        }
        const auto owner = mail_.from ? policy.owner_of(mail_.from->domain()) : std::nullopt;
        if (owner && owner->organisation) {
            result_.notes.push_back(fmt::format("it comes by a connection of {} ({}), whose address <{}> is",
                                                owner->organisation->name, owner->organisation->id,
                                                printable(mail_.from->text())));
            return owner->organisation;
        }
        refuse_all(fault(Retry::never, "the sender's address is no member's")
                       .tell_peer(50, {7, 1}, "This service carries mail for its members only"));
        return nullptr;
    }

    [[nodiscard]] ConnectionFacts connection(const vocabulary::Organisation& organisation) const
    {
        ConnectionFacts facts;
        const auto& listeners = desk_.policy->node().listeners;
        facts.peer.ip = peer_of(mail_, organisation);
        facts.peer.listener = !mail_.listener.empty() || listeners.empty() ? mail_.listener : listeners.front().name;
        facts.tls = ports::TlsShown{"TLSv1.3 rehearsed", true, {}, {}};
        facts.hello = "rehearsal.invalid";
        facts.extended = true;
        return facts;
    }

    void refuse_all(const Fault& fault)
    {
        result_.answer = mail::Reply::from(fault).summary();
        for (const auto& to : mail_.to) {
            RehearsedRecipient recipient;
            recipient.said = to.text();
            turn_away(recipient, fault);
            result_.recipients.push_back(std::move(recipient));
        }
    }

    static void turn_away(RehearsedRecipient& recipient, const Fault& fault)
    {
        recipient.verdict = fault.retry() == Retry::never ? "refuse" : "defer";
        recipient.reply = mail::Reply::from(fault).summary();
        recipient.detail = fault.describe();
    }

    /// What the session itself would say when SIZE or the content goes over what its member may send.
    bool fits_sender(const Transaction& transaction)
    {
        const auto limit = desk_.policy->sending_limit(*transaction.organisation);
        if (mail_.content->size() <= limit.bytes) return true;
        refuse_all(fault(Retry::never, "too large for its sender")
                       .tell_peer(52, {3, 4},
                                  fmt::format("{} allows at most {} for a message", limit.whose,
                                              vocabulary::print_size(limit.bytes))));
        return false;
    }

    Answer say_recipients(Transaction& transaction)
    {
        Recipients recipients(props_.sources());
        for (const auto& to : mail_.to) {
            RehearsedRecipient said;
            said.said = to.text();
            if (transaction.recipients.size() >= desk_.policy->recipients_limit()) {
                turn_away(said, fault(Retry::later, "more recipients than limits.yaml allows")
                                    .tell_peer(52, {5, 3}, "Too many recipients"));
                result_.recipients.push_back(std::move(said));
                continue;
            }
            mail::Recipient recipient;
            recipient.address = to;
            auto accepted = co_await recipients.accept(transaction, std::move(recipient));
            if (!accepted) {
                turn_away(said, accepted.error());
                describe_turned_away(said, to);
            } else {
                said.address = accepted->inside.text();
                said.hop_address = accepted->hop_address;
                said.organisation = accepted->organisation ? accepted->organisation->id : std::string{};
                said.limit = accepted->limit.bytes;
                said.limit_whose = accepted->limit.whose;
                transaction.recipients.push_back(std::move(*accepted));
            }
            result_.recipients.push_back(std::move(said));
        }
        if (transaction.recipients.empty() && !result_.recipients.empty())
            result_.answer = result_.recipients.front().reply;
    }

    /// What was looked at for it before it was refused, and by which rule.
    void describe_turned_away(RehearsedRecipient& said, const mail::Address& to)
    {
        const auto owner = desk_.policy->owner_of(to.domain());
        if (!owner || !owner->organisation) return;
        said.organisation = owner->organisation->id;
        const auto inside = transform::inside(to, *owner->organisation);
        if (!inside) return;
        said.address = inside->text();
        said.rule = last_that_held(*props_.book().of(inside->key()), "permissions.yaml");
    }

    Answer say_content(Transaction& transaction)
    {
        const auto header = mail::Header::parse(*mail_.content);
        if (!header) {
            reject_open(header.error());
            co_return;
        }
        Judgement judgement(props_.sources());
        auto judged =
            co_await judgement.judge(transaction, *header, mail_.content, vocabulary::IntakeLimits{}.received_fields);
        if (!judged) {
            reject_open(judged.error());
            co_return;
        }
        for (const auto& planned : judged->recipients) take_verdict(planned);
        take_notices(*judged);
        if (const auto* refusal = judged->answer()) {
            result_.answer = mail::Reply::from(*refusal).summary();
            co_return;
        }
        result_.answer = "250 2.6.0 Taken";
        const auto message =
            compose(transaction, connection_, *header, mail_.content, std::move(*judged), mail_.at, rehearsal_key());
        for (const auto& delivery : message.deliveries)
            for (const auto& recipient : delivery.recipients) take_copy(delivery, recipient.address);
    }

    /// All that were taken at RCPT meet the same.
    void reject_open(const Fault& fault)
    {
        result_.answer = mail::Reply::from(fault).summary();
        for (auto& recipient : result_.recipients) {
            if (!recipient.verdict.empty()) continue;
            turn_away(recipient, fault);
            if (fault.retry() == Retry::never) recipient.verdict = "reject";
        }
    }

    RehearsedRecipient& recipient_of(const PlannedRecipient& planned)
    {
        const auto same = std::ranges::find_if(result_.recipients, [&](const RehearsedRecipient& recipient) {
            const auto address = mail::Address::parse(recipient.address);
            return address && address->key() == planned.key;
        });
        if (same != result_.recipients.end()) return *same;
        auto& added = result_.recipients.emplace_back();
        added.said = added.address = planned.record.address;
        added.hop_address = planned.record.hop_address;
        added.organisation = planned.record.organisation;
        return added;
    }

    /// As rules order it; the ledger calls a redirected recipient, and one that a rule added in vain, by its state.
    static std::string_view word(const PlannedRecipient& planned)
    {
        if (planned.verdict != Verdict::elsewhere) return name_of(planned);
        return planned.record.state == store::State::redirected ? "redirect" : "refuse";
    }

    void take_verdict(const PlannedRecipient& planned)
    {
        auto& recipient = recipient_of(planned);
        recipient.verdict = word(planned);
        recipient.reason = planned.reason;
        if (planned.fault) {
            recipient.reply = mail::Reply::from(*planned.fault).summary();
            recipient.detail = planned.fault->describe();
        }
        take_decision(recipient, planned.record.decision);
        if (recipient.rule.empty()) recipient.rule = planned.rule;
        if (recipient.reply.empty() && recipient.verdict == "reject") recipient.reply = planned.record.last_reply;
    }

    /// As the ledger would keep it.
    static void take_decision(RehearsedRecipient& recipient, const std::string& decision)
    {
        boost::system::error_code malformed;
        const auto value = boost::json::parse(decision, malformed);
        if (malformed || !value.is_object()) return;
        const auto text = [&](const char* name) {
            const auto* found = value.get_object().if_contains(name);
            return found && found->is_string() ? std::string(found->get_string()) : std::string{};
        };
        recipient.rule = text("rule");
        recipient.added_by = text("added_by");
        recipient.redirected_to = text("redirect");
        if (recipient.reason.empty()) recipient.reason = text("reason");
        if (const auto* notes = value.get_object().if_contains("notes"); notes && notes->is_array())
            for (const auto& note : notes->get_array())
                if (note.is_string()) recipient.notes.emplace_back(note.get_string());
    }

    void take_notices(const Judged& judged)
    {
        for (const auto& notice : judged.notices)
            for (const auto& to : notice.order.to)
                for (auto& recipient : result_.recipients)
                    if (recipient.address == notice.recipient) recipient.notices.emplace_back(to, notice.order.text);
    }

    void take_copy(const store::DeliveryRecord& delivery, const std::string& address)
    {
        for (auto& recipient : result_.recipients) {
            if (recipient.address != address) continue;
            if (recipient.verdict != "deliver" && recipient.verdict != "hold") continue;
            recipient.fields = fields_of(mail::applied(*mail_.content, delivery.edits));
            recipient.subject = first_of(recipient.fields, "Subject");
            recipient.changes = changes_between(before_, recipient.fields);
        }
    }

    void finish(const Transaction& transaction)
    {
        for (auto& recipient : result_.recipients) {
            const auto address = mail::Address::parse(recipient.address);
            if (!address) continue;
            if (recipient.verdict == "deliver" || recipient.verdict == "hold") find_route(recipient, transaction);
            recipient.trail = each_once(*props_.book().of(address->key()));
            for (const auto& rule : recipient.trail.rules)
                if (rule.held == policy::Truth::yes && rule.why_not.empty()) recipient.rules.push_back(rule.rule);
        }
    }

    /// As the delivery path asks when the message's turn comes.
    void find_route(RehearsedRecipient& recipient, const Transaction& transaction)
    {
        const auto address = mail::Address::parse(recipient.address);
        vocabulary::Facts facts;
        facts.stage = vocabulary::Stage::delivery;
        facts.time = mail_.at;
        facts.sender_organisation = transaction.organisation;
        facts.sender = transaction.inside_sender ? &*transaction.inside_sender : nullptr;
        facts.recipient = &*address;
        facts.recipient_organisation = desk_.policy->organisation(recipient.organisation);
        facts.recipient_inside = facts.recipient_organisation != nullptr;
        facts.size = mail_.content->size();
        facts.generation = result_.generation;
        const auto route = desk_.policy->route(facts, props_.book().of(address->key()));
        if (!route) {
            recipient.route = route.error().describe();
            return;
        }
        recipient.route = route->rule;
        recipient.next_hop = route->next_hop ? hop_words(*route->next_hop) : "nowhere: no mailboxes are declared";
    }

    const RehearsalDesk& desk_;
    const RehearsedMail& mail_;
    Rehearsed result_;
    RehearsalSources props_;
    ConnectionFacts connection_;
    std::vector<std::pair<std::string, std::string>> before_;
};

}  // namespace

Rehearsed rehearse(const RehearsalDesk& desk, const RehearsedMail& mail)
{
    return Stage(desk, mail).run();
}

std::vector<std::string> all_rules(const policy::Snapshot& policy)
{
    policy::Trail trail;
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::delivery;
    static_cast<void>(policy.may_mail(facts, &trail));
    static_cast<void>(policy.receiving_limit(facts, &trail));
    static_cast<void>(policy.rates(facts, &trail));
    static_cast<void>(policy.content(facts, {}, &trail));
    static_cast<void>(policy.tags(facts, &trail));
    static_cast<void>(policy.route(facts, &trail));
    std::vector<std::string> rules;
    for (const auto& rule : each_once(trail).rules) rules.push_back(rule.rule);
    return rules;
}

}  // namespace postern::gateway
