// One walk over the rules of a file for one recipient: asks condition and script of each, and tells a trail what it
// saw.
//
// Lives for one decision on one thread; borrows facts, scripts and trail. Real traffic and rehearsals take the same
// way: a trail only listens.
#pragma once

#include "base/fault.hpp"
#include "policy/rule.hpp"
#include "policy/rule_index.hpp"
#include "policy/trail.hpp"
#include "ports/scripting.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace postern::policy {

class RuleWalk {
public:
    /// What is wrong with an order of a script, or nothing: what only the whole policy knows.
    using OrderCheck = std::function<std::string(const vocabulary::Order&)>;

    RuleWalk(const vocabulary::Facts& facts, vocabulary::RuleFile file, const ports::Scripts* scripts, Trail* trail,
             OrderCheck check = {})
        : values_(facts), file_(file), scripts_(scripts), trail_(trail), check_(std::move(check))
    {
    }

    [[nodiscard]] FieldValues& values() noexcept { return values_; }
    [[nodiscard]] bool is_witnessed() const noexcept { return trail_ != nullptr; }

    /// Numbers of the rules that are asked: all where somebody looks on, else those that may hold.
    [[nodiscard]] RuleNumbers numbers(const RuleIndex& index);

    struct Answer {
        Truth held = Truth::no;
        std::optional<Fault> fault;  ///< it can't be decided, or its script failed: the recipient meets this
        std::string ignored;         ///< why its script failed, where the rule ignores that
        std::optional<std::vector<vocabulary::Order>> scripted;  ///< what the script ordered instead of the rule
    };
    [[nodiscard]] Answer ask(const Rule& rule);
    /// What the rule that was asked last ordered.
    void ordered(const vocabulary::Order& order);
    void ordered(std::string what);
    /// A rule that is not asked any more.
    void pass_over(const Rule& rule, const std::string& why);

private:
    void run_script(const Rule& rule, RuleSeen* seen, Answer& answer);
    [[nodiscard]] std::string judged(const Rule& rule, std::vector<vocabulary::Order>& orders) const;

    FieldValues values_;
    vocabulary::RuleFile file_;
    const ports::Scripts* scripts_;
    Trail* trail_;
    OrderCheck check_;
};

}  // namespace postern::policy
