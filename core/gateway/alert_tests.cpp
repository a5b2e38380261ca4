#include "gateway/alert_tests.hpp"

#include "gateway/policy_community.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using vocabulary::AlertChannel;

class Run {
public:
    Run(const policy::Snapshot& policy, const policy::AlertTest& test, Instant now)
        : community_(policy), policy_(policy.alerts()), test_(test), event_(test.event)
    {
        if (event_.at == Instant{}) event_.at = now;
    }

    AlertTestResult finish() &&
    {
        for (const auto& rule : policy_.rules)
            if (rule.takes(event_)) take(rule);
        compare();
        return std::move(result_);
    }

private:
    void take(const vocabulary::AlertRule& rule)
    {
        vocabulary::EventScript::Answer said;
        if (rule.script) said = rule.script->ask(event_);
        result_.reached.push_back(rule.place);
        if (!said.error.empty()) result_.explanation += fmt::format("{}: {}\n", rule.place, said.error);
        if (!said.holds) return;
        held_.push_back(rule.name);
        result_.explanation += fmt::format("{}{}\n", rule.place, said.note.empty() ? "" : ": " + said.note);
        if (std::ranges::find(rule.by, AlertChannel::mail) == rule.by.end()) return;
        for (auto& reached : alert::reach(rule.to, event_, policy_, community_)) {
            result_.explanation += fmt::format("  {}{}\n", reached.address, reached.secure ? "" : " (without content)");
            told_.push_back(std::move(reached));
        }
    }

    void compare()
    {
        const auto holds = [&](const std::string& name) { return std::ranges::find(held_, name) != held_.end(); };
        for (const auto& name : test_.rules)
            if (!holds(name)) differs("rule", name, held_.empty() ? "none" : fmt::format("{}", fmt::join(held_, ", ")));
        for (const auto& name : test_.rules_not)
            if (holds(name)) differs("rule_not", name, "it held");
        for (const auto& address : test_.told)
            if (find(address) == nullptr) differs("told", address, everybody());
        for (const auto& address : test_.told_not)
            if (find(address) != nullptr) differs("told_not", address, "they are told");
        for (const auto& address : test_.told_notice)
            if (const auto* reached = find(address); reached == nullptr || reached->secure)
                differs("told_notice", address, reached ? "they are told everything, being inside" : everybody());
    }

    [[nodiscard]] const alert::Reached* find(const std::string& text) const
    {
        const auto address = mail::Address::parse(text);
        const auto inside = address ? community_.inside(*address) : std::nullopt;
        const auto found = std::ranges::find(told_, inside ? inside->text() : text, &alert::Reached::address);
        return found == told_.end() ? nullptr : &*found;
    }

    [[nodiscard]] std::string everybody() const
    {
        std::string all;
        for (const auto& reached : told_) all += (all.empty() ? "" : ", ") + reached.address;
        return all.empty() ? "nobody" : all;
    }

    void differs(std::string what, std::string expected, std::string came)
    {
        result_.mismatches.push_back({{}, std::move(what), std::move(expected), std::move(came)});
    }

    PolicyCommunity community_;
    const vocabulary::AlertPolicy& policy_;
    const policy::AlertTest& test_;
    vocabulary::Event event_;
    std::vector<std::string> held_;
    std::vector<alert::Reached> told_;
    AlertTestResult result_;
};

}  // namespace

AlertTestResult run_alert_test(const policy::Snapshot& policy, const policy::AlertTest& test, Instant now)
{
    return Run(policy, test, now).finish();
}

}  // namespace postern::gateway
