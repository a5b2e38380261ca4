#include "gateway/test_expectations.hpp"

#include "base/text.hpp"
#include "policy/matcher.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

namespace {

using policy::TestExpectation;

bool matches_text(const std::string& wanted, const std::string& text)
{
    const auto matcher = policy::parse_text_matcher(wanted);
    const std::string lower = to_lower(text);
    return matcher && policy::matches(*matcher, policy::FieldText{text, lower});
}

/// "550 5.7.1 Text" is also "5.7.1 Text" and "Text".
bool matches_reply(const std::string& wanted, const std::string& reply)
{
    if (matches_text(wanted, reply)) return true;
    for (std::size_t at = 0, words = 0; words < 2; ++words) {
        at = reply.find(' ', at);
        if (at == std::string::npos) return false;
        if (matches_text(wanted, reply.substr(++at))) return true;
    }
    return false;
}

/// Of "content.yaml:5 no-programs": "no-programs".
std::string_view name_of_rule(std::string_view label)
{
    const auto space = label.rfind(' ');
    return space == std::string_view::npos ? label : label.substr(space + 1);
}

bool names_rule(const std::string& wanted, const std::string& label)
{
    return wanted == label || wanted == name_of_rule(label);
}

std::string listed(const std::vector<std::string>& texts)
{
    return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

std::string or_none(const std::string& text)
{
    return text.empty() ? "none" : text;
}

class Comparison {
public:
    Comparison(const RehearsedRecipient& came, const Rehearsed& all, std::vector<Mismatch>& into)
        : came_(came), all_(all), into_(into)
    {
    }

    void hold_against(const TestExpectation& expected)
    {
        if (!expected.verdict.empty()) same("verdict", expected.verdict, came_.verdict);
        if (!expected.organisation.empty()) same("organisation", expected.organisation, or_none(came_.organisation));
        if (expected.subject) same("subject", *expected.subject, came_.subject);
        for (const auto& [name, wanted] : expected.headers) header(name, wanted);
        if (!expected.reply.empty() && !matches_reply(expected.reply, came_.reply))
            differs("reply", expected.reply, came_.reply.empty() ? "it is taken" : came_.reply);
        rules(expected);
        if (!expected.route.empty() && !names_rule(expected.route, came_.route))
            differs("route", expected.route, or_none(came_.route));
        if (!expected.next_hop.empty() && !matches_text(expected.next_hop, came_.next_hop))
            differs("next_hop", expected.next_hop, or_none(came_.next_hop));
        if (expected.limit && *expected.limit != came_.limit)
            differs("limit", vocabulary::print_size(*expected.limit), vocabulary::print_size(came_.limit));
        rest(expected);
    }

private:
    void differs(std::string what, std::string expected, std::string came)
    {
        into_.push_back({came_.said, std::move(what), std::move(expected), std::move(came)});
    }

    void same(const char* what, const std::string& expected, const std::string& came)
    {
        if (expected != came) differs(what, expected, came);
    }

    void header(const std::string& name, const std::string& wanted)
    {
        std::vector<std::string> values;
        for (const auto& [field, value] : came_.fields)
            if (iequals(field, name)) values.push_back(value);
        const bool good = wanted == "absent"
                              ? values.empty()
                              : std::ranges::any_of(values, [&](const auto& v) { return matches_text(wanted, v); });
        if (!good) differs("header " + name, wanted, values.empty() ? "absent" : listed(values));
    }

    void rules(const TestExpectation& expected)
    {
        const auto held = [&](const std::string& name) {
            return std::ranges::any_of(came_.trail.rules, [&](const policy::RuleSeen& rule) {
                return rule.held == policy::Truth::yes && rule.why_not.empty() && names_rule(name, rule.rule);
            });
        };
        std::vector<std::string> all;
        for (const auto& rule : came_.trail.rules)
            if (rule.held == policy::Truth::yes && rule.why_not.empty()) all.push_back(rule.rule);
        for (const auto& name : expected.rules)
            if (!held(name)) differs("rule", name, "held: " + listed(all));
        for (const auto& name : expected.rules_not)
            if (held(name)) differs("rule_not", name, "it held");
    }

    void rest(const TestExpectation& expected)
    {
        std::vector<std::string> told, added;
        for (const auto& [to, text] : came_.notices) told.push_back(to);
        for (const auto& who : expected.notified)
            if (std::ranges::find(told, who) == told.end()) differs("notified", who, listed(told));
        if (expected.redirected_to && expected.redirected_to->text() != came_.redirected_to)
            differs("redirected_to", expected.redirected_to->text(), or_none(came_.redirected_to));
        for (const auto& recipient : all_.recipients)
            if (!recipient.added_by.empty()) added.push_back(recipient.said);
        for (const auto& address : expected.added)
            if (std::ranges::find(added, address.text()) == added.end())
                differs("added", address.text(), listed(added));
        for (const auto& note : expected.notes)
            if (std::ranges::none_of(came_.notes, [&](const auto& said) { return matches_text(note, said); }))
                differs("notes", note, listed(came_.notes));
    }

    const RehearsedRecipient& came_;
    const Rehearsed& all_;
    std::vector<Mismatch>& into_;
};

bool is_meant(const TestExpectation& expected, const RehearsedRecipient& recipient)
{
    if (!expected.recipient) return recipient.added_by.empty();
    const auto is = [&](const std::string& text) {
        const auto address = mail::Address::parse(text);
        return address && *address == *expected.recipient;
    };
    return is(recipient.said) || is(recipient.address);
}

}  // namespace

std::vector<Mismatch> compare(const policy::PolicyTest& test, const Rehearsed& rehearsed)
{
    std::vector<Mismatch> mismatches;
    for (const auto& expected : test.expect) {
        bool found = false;
        for (const auto& recipient : rehearsed.recipients) {
            if (!is_meant(expected, recipient)) continue;
            found = true;
            Comparison(recipient, rehearsed, mismatches).hold_against(expected);
        }
        if (!found)
            mismatches.push_back({expected.recipient ? expected.recipient->text() : std::string{}, "recipient",
                                  expected.recipient ? expected.recipient->text() : "some",
                                  "nobody of that address gets it"});
    }
    return mismatches;
}

}  // namespace postern::gateway
