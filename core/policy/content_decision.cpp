// What content.yaml decides about one recipient's copy.
//
// In the file's order: the first rule with a verdict decides, and nothing behind it is considered. Edits, notices,
// notes, limits and envelope actions of the rules up to and including that one add up. Of two redirects the later
// counts, of limits the smallest. A rule that can't be decided defers, whatever stands behind it. What the scanner
// found comes last (policy/findings).
#include "policy/compiled_snapshot.hpp"
#include "policy/edit_orders.hpp"
#include "policy/rule_walk.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::ActionId;
using vocabulary::ActionKind;
using vocabulary::Order;
using Verdict = ContentDecision::Verdict;

class Decider {
public:
    Decider(RuleWalk& walk, std::span<const std::string> except, const vocabulary::Inspection* seen)
        : walk_(walk), except_(except)
    {
        viruses_released_ = seen != nullptr && !seen->viruses.empty() && is_released(*seen, except);
    }

    void consider(const ContentRule& rule)
    {
        auto answer = walk_.ask(rule);
        if (answer.fault) return fail(rule, *answer.fault);
        if (!answer.ignored.empty())
            decision_.notes.push_back(fmt::format("{}: its script failed: {}", rule.label, answer.ignored));
        if (answer.scripted)
            obey(rule, *answer.scripted);
        else if (answer.held == Truth::yes)
            obey(rule, filled(rule));
    }

    [[nodiscard]] bool is_decided() const noexcept { return decided_; }
    [[nodiscard]] const std::string& decided_by() const noexcept { return decision_.rule; }

    void meet(const FindingVerdicts& declared, const vocabulary::Inspection& seen, Trail* trail)
    {
        const bool names_viruses = asked_.viruses && !seen.viruses.empty();
        if (names_viruses && decision_.verdict == Verdict::quarantine) decision_.rule_name = release_name(seen);
        meet_findings(declared, seen, asked_, except_, trail, decision_);
    }

    [[nodiscard]] ContentDecision take()
    {
        // Who does not get it, gets it nowhere else either.
        if (decision_.verdict == Verdict::reject || decision_.verdict == Verdict::defer) {
            decision_.redirect_to.reset();
            decision_.add_recipients.clear();
        }
        return std::move(decision_);
    }

private:
    [[nodiscard]] std::vector<Order> filled(const ContentRule& rule)
    {
        std::vector<Order> orders;
        for (const auto& order : rule.then) orders.push_back(order.fill(walk_.values()));
        return orders;
    }

    /// A release is for this rule's verdict: what the rule decides about is decided.
    [[nodiscard]] bool is_excepted(const ContentRule& rule)
    {
        const bool named = std::ranges::find(except_, rule.name) != except_.end();
        if (!named && !(viruses_released_ && rule.asked.viruses)) return false;
        auto obstacles = rule.asked;
        obstacles.viruses = false;
        asked_.join(obstacles);
        return true;
    }

    void decide(const ContentRule& rule, Verdict verdict)
    {
        decided_ = true;
        asked_.join(rule.asked);
        decision_.verdict = verdict;
        decision_.rule = rule.label;
        decision_.rule_name = rule.name;
    }

    void fail(const ContentRule& rule, const Fault& fault)
    {
        if (is_excepted(rule)) return;
        decide(rule, fault.retry() == Retry::never ? Verdict::reject : Verdict::defer);
        decision_.fault = fault;
    }

    void obey(const ContentRule& rule, const std::vector<Order>& orders)
    {
        decision_.rules.push_back(rule.label);
        EditOrders edits(rule.label);
        for (const auto& order : orders) {
            walk_.ordered(order);
            if (vocabulary::info(order.action).kind == ActionKind::verdict)
                give_verdict(rule, order);
            else
                apply(rule, order, edits);
        }
        edits.move_to(decision_.edits);
    }

    void give_verdict(const ContentRule& rule, const Order& order)
    {
        if (is_excepted(rule)) return;
        switch (order.action) {
            case ActionId::reject:
            case ActionId::defer: {
                const bool reject = order.action == ActionId::reject;
                decide(rule, reject ? Verdict::reject : Verdict::defer);
                decision_.fault = fault(reject ? Retry::never : Retry::later, rule.label)
                                      .tell_peer(order.digits, order.status, order.text);
                return;
            }
            case ActionId::quarantine:
            case ActionId::hold:
                decide(rule, order.action == ActionId::hold ? Verdict::hold : Verdict::quarantine);
                decision_.reason = order.text.empty() ? fmt::format("rule {}", rule.name) : order.text;
                decision_.lasts = order.lasts;
                return;
            default:
                return decide(rule, Verdict::deliver);
        }
    }

    void apply(const ContentRule& rule, const Order& order, EditOrders& edits)
    {
        switch (order.action) {
            case ActionId::redirect:
                decision_.redirect_to = order.addresses.front();
                return;
            case ActionId::add_recipient:
                for (const auto& address : order.addresses)
                    if (std::ranges::find(decision_.add_recipients, address) == decision_.add_recipients.end())
                        decision_.add_recipients.push_back(address);
                return;
            case ActionId::set_limit:
                if (decision_.limit && *decision_.limit <= order.size) return;
                decision_.limit = order.size;
                decision_.limit_rule = rule.name;
                return;
            case ActionId::notify:
                return decision_.notices.push_back(order);
            case ActionId::annotate:
                return decision_.notes.push_back(order.text);
            default:
                return edits.add(order);
        }
    }

    RuleWalk& walk_;
    std::span<const std::string> except_;
    AskedFindings asked_;
    bool viruses_released_ = false;
    ContentDecision decision_;
    bool decided_ = false;
};

}  // namespace

std::string CompiledSnapshot::misplaced(const vocabulary::Order& order) const
{
    const auto inside = [&](const mail::Address& address) {
        const auto owner = owner_of(address.domain());
        return owner && owner->inside;
    };
    for (const auto& address : order.addresses)
        if (!inside(address)) return fmt::format("{} is not inside the community", printable(address.text(), 80));
    if (order.action != ActionId::notify) return {};
    const auto words = vocabulary::notify_words();
    for (const auto& to : order.to) {
        if (std::ranges::find(words, std::string_view(to)) != words.end()) continue;
        const auto address = mail::Address::parse(to);
        if (!address) return fmt::format("\"{}\" is nobody who can be told", printable(to, 80));
        if (!inside(*address)) return fmt::format("{} is not inside the community", printable(to, 80));
    }
    return {};
}

ContentDecision CompiledSnapshot::content(const vocabulary::Facts& facts, std::span<const std::string> except,
                                          Trail* trail) const
{
    RuleWalk walk(facts, vocabulary::RuleFile::content, c_->scripts.get(), trail,
                  [this](const vocabulary::Order& order) { return misplaced(order); });
    Decider decider(walk, except, facts.inspection);
    for (const auto number : walk.numbers(c_->indexes.content)) {
        const auto& rule = c_->content->rules[number];
        if (decider.is_decided())
            walk.pass_over(rule, fmt::format("decided by {}", decider.decided_by()));
        else
            decider.consider(rule);
        if (decider.is_decided() && !walk.is_witnessed()) break;
    }
    if (facts.inspection != nullptr && c_->needs.viruses) decider.meet(c_->content->findings, *facts.inspection, trail);
    return decider.take();
}

}  // namespace postern::policy
