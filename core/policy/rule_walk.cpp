#include "policy/rule_walk.hpp"

#include "base/text.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <numeric>

namespace postern::policy {

namespace {

using vocabulary::ActionId;
using vocabulary::ActionKind;
using vocabulary::Order;

constexpr std::size_t longest_text = 900;

/// What a script wrote into a reply or a header, as one line of some length.
std::string one_line(std::string_view text)
{
    std::string line;
    for (const char c : text.substr(0, longest_text))
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) line += c;
    while (!line.empty() && !is_utf8(line)) line.pop_back();
    return line;
}

/// What is wrong with it by itself.
std::string misfit(const Order& order)
{
    switch (order.action) {
        case ActionId::add_header:
        case ActionId::replace_header:
        case ActionId::remove_header:
            if (!is_header_name(order.name))
                return fmt::format("\"{}\" is no name of a header field", printable(order.name, 60));
            if (!is_changeable_header(order.name))
                return fmt::format("the field \"{}\" is not changed by rules", order.name);
            return {};
        case ActionId::redirect:
            return order.addresses.size() == 1 ? "" : "redirect needs one address";
        case ActionId::add_recipient:
            return order.addresses.empty() ? "add_recipient needs an address" : "";
        case ActionId::reject:
        case ActionId::defer:
        case ActionId::refuse:
            return trim(order.text).empty() ? "the sender would be told nothing" : "";
        default:
            return {};
    }
}

Fault undecided(const Rule& rule)
{
    return fault(Retry::later, fmt::format("{} can't be decided: something that it asks for is not known", rule.label))
        .tell_peer(51, {7, 1}, "This message cannot be checked at the moment; please try again later");
}

Fault script_failed(const Rule& rule, const std::string& error)
{
    const bool reject = rule.script->on_error == OnError::reject;
    auto detail = fmt::format("{}: {}", rule.label, error);
    if (reject)
        return fault(Retry::never, std::move(detail))
            .tell_peer(50, {7, 1}, "This message could not be checked, and is not carried unchecked");
    return fault(Retry::later, std::move(detail))
        .tell_peer(51, {7, 1}, "This message cannot be checked at the moment; please try again later");
}

}  // namespace

/// The first thing that is wrong with what a script ordered; makes its texts safe.
std::string RuleWalk::judged(const Rule& rule, std::vector<Order>& orders) const
{
    std::size_t verdicts = 0;
    for (auto& order : orders) {
        const auto& action = vocabulary::info(order.action);
        if (!rule.script->may.has(order.action)) return fmt::format("it may not {}", action.name);
        order.text = one_line(order.text);
        if (auto wrong = misfit(order); !wrong.empty()) return wrong;
        if (check_)
            if (auto wrong = check_(order); !wrong.empty()) return wrong;
        verdicts += action.kind == ActionKind::verdict ? 1 : 0;
    }
    return verdicts > 1 ? "it ordered more than one verdict" : "";
}

void RuleWalk::run_script(const Rule& rule, RuleSeen* seen, Answer& answer)
{
    ports::ScriptCall call;
    call.file = rule.script->file;
    call.rule = rule.label;
    call.where = file_;
    call.may = rule.script->may;
    call.rehearsal = trail_ != nullptr;
    auto said = scripts_ == nullptr ? ports::ScriptAnswer{} : scripts_->run(call, values_.facts());
    if (scripts_ == nullptr) said.error = "no scripts are loaded";
    if (said.error.empty())
        if (const auto wrong = judged(rule, said.orders); !wrong.empty())
            said.error = fmt::format("{}: {}", rule.script->file, wrong);
    if (!said.error.empty()) {
        const bool ignored = rule.script->on_error == OnError::ignore;
        answer.held = ignored ? Truth::no : Truth::unknown;
        if (ignored)
            answer.ignored = said.error;
        else
            answer.fault = script_failed(rule, said.error);
    } else if (!said.orders.empty()) {
        answer.scripted = std::move(said.orders);
    } else {
        answer.held = said.holds.value_or(false) ? Truth::yes : Truth::no;
    }
    if (seen == nullptr) return;
    seen->script = rule.script->file;
    seen->script_error = said.error;
    seen->script_said = std::move(said.said);
    seen->script_took = said.took;
}

RuleNumbers RuleWalk::numbers(const RuleIndex& index)
{
    if (trail_ == nullptr) return index.candidates(values_);
    RuleNumbers all(index.size());
    std::iota(all.begin(), all.end(), 0U);
    return all;
}

RuleWalk::Answer RuleWalk::ask(const Rule& rule)
{
    Answer answer;
    RuleSeen* seen = nullptr;
    Witness witness{vocabulary::file_name(file_), nullptr, 0};
    if (trail_ != nullptr) {
        seen = &trail_->rules.emplace_back();
        seen->file = vocabulary::file_name(file_);
        seen->rule = rule.label;
        witness.seen = &seen->clauses;
    }
    values_.matched = {};
    answer.held = evaluate(rule.when, values_, seen == nullptr ? nullptr : &witness);
    if (answer.held == Truth::unknown) answer.fault = undecided(rule);
    if (answer.held == Truth::yes && rule.script) run_script(rule, seen, answer);
    if (seen != nullptr) seen->held = answer.held;
    return answer;
}

void RuleWalk::ordered(const Order& order)
{
    if (trail_ != nullptr) ordered(vocabulary::describe(order));
}

void RuleWalk::ordered(std::string what)
{
    if (trail_ != nullptr) trail_->rules.back().orders.push_back(std::move(what));
}

void RuleWalk::pass_over(const Rule& rule, const std::string& why)
{
    if (trail_ == nullptr) return;
    auto& seen = trail_->rules.emplace_back();
    seen.file = vocabulary::file_name(file_);
    seen.rule = rule.label;
    seen.held = Truth::unknown;
    seen.why_not = why;
}

}  // namespace postern::policy
