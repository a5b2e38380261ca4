#include "gateway/explanation.hpp"

#include "base/text.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json/array.hpp>

namespace postern::gateway {

namespace {

namespace json = boost::json;
using policy::ClauseSeen;
using policy::RuleSeen;
using policy::Truth;

constexpr std::size_t longest_value = 300;

std::string clean(std::string_view text)
{
    return printable(text, longest_value);
}

std::string_view word(Truth truth)
{
    switch (truth) {
        case Truth::yes:
            return "held";
        case Truth::no:
            return "no";
        case Truth::unknown:
            break;
    }
    return "not known";
}

/// Text in lines of at most `width`, broken at spaces; all but the first indented.
std::string wrapped(const std::string& text, std::size_t first_indent, std::size_t indent, std::size_t width)
{
    std::string lines(first_indent, ' ');
    std::size_t column = first_indent;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto space = std::min(text.find(' ', at + 1), text.size());
        const auto piece = text.substr(at, space - at);
        if (column + piece.size() > width && column > indent) {
            lines += "\n" + std::string(indent, ' ');
            column = indent;
            lines += piece.front() == ' ' ? piece.substr(1) : piece;
        } else {
            lines += piece;
        }
        column += piece.size();
        at = space;
    }
    return lines + "\n";
}

bool is_between(const ClauseSeen& clause)
{
    return clause.wanted.empty() && clause.saw.empty();
}

std::string clause_words(const ClauseSeen& clause)
{
    auto words =
        fmt::format("{}{:<9} {}", std::string(std::size_t{2} * clause.depth, ' '), word(clause.held), clause.field);
    if (!is_between(clause)) words += fmt::format("  is {}; wanted {}", clean(clause.saw), clean(clause.wanted));
    return fmt::format("{}   [{}]", words, clause.place);
}

std::string took(Duration duration)
{
    return duration < std::chrono::milliseconds{10}
               ? fmt::format("{} microseconds", duration.count())
               : fmt::format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// Of a rule that did not hold: what decided.
const ClauseSeen* decisive(const RuleSeen& rule)
{
    const auto found = std::ranges::find_if(
        rule.clauses, [&](const ClauseSeen& clause) { return clause.held == rule.held && !is_between(clause); });
    return found == rule.clauses.end() ? nullptr : &*found;
}

std::string script_text(const RuleSeen& rule, std::size_t indent, std::size_t width)
{
    if (rule.script.empty()) return {};
    const std::string outcome = !rule.script_error.empty() ? fmt::format("failed: {}", clean(rule.script_error))
                                : rule.held == Truth::yes  ? "said yes"
                                                           : "said no";
    auto text = wrapped(fmt::format("script {} {}, in {}", rule.script, outcome, took(rule.script_took)), indent,
                        indent + 2, width);
    for (const auto& line : rule.script_said)
        text += wrapped(fmt::format("script says: {}", clean(line)), indent + 2, indent + 4, width);
    return text;
}

std::string change_text(const FieldChange& change)
{
    switch (change.what) {
        case FieldChange::What::added:
            return fmt::format("+ {}: {}", change.name, clean(change.after));
        case FieldChange::What::removed:
            return fmt::format("- {}: {}", change.name, clean(change.before));
        case FieldChange::What::changed:
            break;
    }
    return fmt::format("~ {}: {}  (was: {})", change.name, clean(change.after), clean(change.before));
}

class Writer {
public:
    explicit Writer(const ExplanationStyle& style) : style_(style) {}

    void line(std::string_view label, const std::string& text)
    {
        if (text.empty()) return;
        text_ += wrapped(fmt::format("{:<10} {}", label, text), 2, 13, style_.width);
    }
    void plain(const std::string& text) { text_ += text; }
    [[nodiscard]] std::string take() && { return std::move(text_); }

private:
    const ExplanationStyle& style_;
    std::string text_;
};

std::string verdict_words(const RehearsedRecipient& recipient)
{
    std::string words = recipient.verdict;
    if (!recipient.redirected_to.empty()) words += fmt::format(" to <{}>", clean(recipient.redirected_to));
    if (!recipient.rule.empty()) words += fmt::format(", by {}", recipient.rule);
    if (!recipient.reason.empty()) words += fmt::format(": {}", clean(recipient.reason));
    return words;
}

void write_recipient(Writer& out, const RehearsedRecipient& recipient, const ExplanationStyle& style)
{
    out.plain(fmt::format("\n<{}>: {}\n", clean(recipient.said), verdict_words(recipient)));
    out.line("reply", clean(recipient.reply));
    out.line("because", recipient.reply.empty() ? std::string{} : clean(recipient.detail));
    out.line("added by", recipient.added_by);
    if (!recipient.address.empty() && recipient.address != recipient.said) out.line("inside", recipient.address);
    if (!recipient.organisation.empty())
        out.line("member", recipient.hop_address.empty() || recipient.hop_address == recipient.address
                               ? recipient.organisation
                               : fmt::format("{}, whose server knows it as <{}>", recipient.organisation,
                                             clean(recipient.hop_address)));
    if (!recipient.route.empty())
        out.line("route",
                 fmt::format("{}{}", recipient.route, recipient.next_hop.empty() ? "" : " to " + recipient.next_hop));
    if (recipient.limit > 0)
        out.line("limit", fmt::format("{} ({})", vocabulary::print_size(recipient.limit), recipient.limit_whose));
    out.line("subject", clean(recipient.subject));
    for (const auto& change : recipient.changes) out.line("header", change_text(change));
    for (const auto& [to, text] : recipient.notices) out.line("notice", fmt::format("to {}: {}", to, clean(text)));
    for (const auto& note : recipient.notes) out.line("note", clean(note));
    if (!recipient.trail.rules.empty()) out.plain("  rules considered, in order\n");
    for (const auto& rule : recipient.trail.rules) out.plain(rule_text(rule, 4, style.brief, style.width));
}

json::string utf8(std::string_view text)
{
    return is_utf8(text) ? json::string(text) : json::string(clean(text));
}

void put(json::object& object, std::string_view name, std::string_view text)
{
    if (!text.empty()) object[name] = utf8(text);
}

json::array texts(const std::vector<std::string>& all)
{
    json::array array;
    for (const auto& text : all) array.push_back(utf8(text));
    return array;
}

json::object change_json(const FieldChange& change)
{
    json::object object{{"name", utf8(change.name)}};
    if (change.what != FieldChange::What::added) object["before"] = utf8(change.before);
    if (change.what != FieldChange::What::removed) object["after"] = utf8(change.after);
    return object;
}

json::object recipient_json(const RehearsedRecipient& recipient)
{
    json::object object{{"said", utf8(recipient.said)}, {"verdict", recipient.verdict}};
    put(object, "address", recipient.address);
    put(object, "organisation", recipient.organisation);
    put(object, "hop_address", recipient.hop_address);
    put(object, "reply", recipient.reply);
    put(object, "detail", recipient.detail);
    put(object, "rule", recipient.rule);
    put(object, "reason", recipient.reason);
    put(object, "added_by", recipient.added_by);
    put(object, "redirected_to", recipient.redirected_to);
    put(object, "route", recipient.route);
    put(object, "next_hop", recipient.next_hop);
    if (recipient.limit > 0) object["limit"] = {{"bytes", recipient.limit}, {"whose", utf8(recipient.limit_whose)}};
    put(object, "subject", recipient.subject);
    json::array changes, notices, rules;
    for (const auto& change : recipient.changes) changes.push_back(change_json(change));
    for (const auto& [to, text] : recipient.notices) notices.push_back({{"to", utf8(to)}, {"text", utf8(text)}});
    for (const auto& rule : recipient.trail.rules) rules.push_back(rule_json(rule));
    object["header"] = std::move(changes);
    object["notices"] = std::move(notices);
    object["notes"] = texts(recipient.notes);
    object["rules_held"] = texts(recipient.rules);
    object["rules"] = std::move(rules);
    return object;
}

}  // namespace

std::string rule_text(const RuleSeen& rule, std::size_t indent, bool brief, std::size_t width)
{
    if (!rule.why_not.empty())
        return wrapped(fmt::format("{:<9} {}: {}", "passed by", rule.rule, rule.why_not), indent, indent + 10, width);
    auto text = wrapped(fmt::format("{:<9} {}", word(rule.held), rule.rule), indent, indent + 10, width);
    const auto inner = indent + 4;
    if (brief && rule.held == Truth::no) {
        if (const auto* clause = decisive(rule)) text += wrapped(clause_words(*clause), inner, inner + 4, width);
    } else {
        if (rule.clauses.empty() && rule.script.empty() && rule.held == Truth::yes)
            text += std::string(inner, ' ') + "has no condition\n";
        for (const auto& clause : rule.clauses) text += wrapped(clause_words(clause), inner, inner + 4, width);
    }
    text += script_text(rule, inner, width);
    for (const auto& order : rule.orders) text += wrapped("-> " + clean(order), inner, inner + 4, width);
    return text;
}

json::object rule_json(const RuleSeen& rule)
{
    json::object object{{"rule", utf8(rule.rule)}, {"file", rule.file}};
    if (!rule.why_not.empty()) {
        object["passed_by"] = utf8(rule.why_not);
        return object;
    }
    object["held"] = std::string(word(rule.held));
    json::array clauses;
    for (const auto& clause : rule.clauses)
        clauses.push_back({{"place", clause.place},
                           {"field", utf8(clause.field)},
                           {"wanted", utf8(clause.wanted)},
                           {"saw", utf8(clause.saw)},
                           {"held", std::string(word(clause.held))},
                           {"depth", clause.depth}});
    object["clauses"] = std::move(clauses);
    object["orders"] = texts(rule.orders);
    if (!rule.script.empty()) {
        json::object script{{"file", rule.script}, {"microseconds", rule.script_took.count()}};
        put(script, "error", rule.script_error);
        if (!rule.script_said.empty()) script["said"] = texts(rule.script_said);
        object["script"] = std::move(script);
    }
    return object;
}

std::string explanation_text(const Rehearsed& rehearsed, const ExplanationStyle& style)
{
    Writer out(style);
    out.plain(
        fmt::format("{} {} of {}\n", vocabulary::print_size(rehearsed.size),
                    rehearsed.subject.empty() ? "without a subject" : fmt::format("\"{}\"", clean(rehearsed.subject)),
                    rehearsed.sender.empty() ? std::string("nobody") : clean(rehearsed.sender)));
    if (!rehearsed.organisation.empty())
        out.line("from", fmt::format("{} ({})", rehearsed.organisation_name, rehearsed.organisation));
    out.line("at", to_iso8601(rehearsed.at));
    if (!style.policy.empty()) out.line("policy", style.policy);
    out.line("answer", clean(rehearsed.answer));
    for (const auto& note : rehearsed.notes) out.line("assumed", clean(note));
    for (const auto& recipient : rehearsed.recipients) write_recipient(out, recipient, style);
    return std::move(out).take();
}

json::object explanation_json(const Rehearsed& rehearsed)
{
    json::object object{{"sender", utf8(rehearsed.sender)},
                        {"size", rehearsed.size},
                        {"at", to_iso8601(rehearsed.at)},
                        {"answer", utf8(rehearsed.answer)}};
    put(object, "organisation", rehearsed.organisation);
    put(object, "subject", rehearsed.subject);
    if (rehearsed.generation > 0) object["generation"] = rehearsed.generation;
    object["assumed"] = texts(rehearsed.notes);
    json::array recipients;
    for (const auto& recipient : rehearsed.recipients) recipients.push_back(recipient_json(recipient));
    object["recipients"] = std::move(recipients);
    return object;
}

}  // namespace postern::gateway
