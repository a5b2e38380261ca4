// What a compiled policy decides about one recipient: may it be written to, how often, how large, tagged how, where to.
#include "base/text.hpp"
#include "mail/header.hpp"
#include "policy/compiled_snapshot.hpp"
#include "policy/edit_orders.hpp"
#include "policy/rule_walk.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::ActionId;
using vocabulary::Facts;
using vocabulary::Order;
using vocabulary::RuleFile;

void lower(SizeLimit& limit, std::uint64_t bytes, const std::string& whose)
{
    if (bytes < limit.bytes) limit = {bytes, whose};
}

TagOrder order_of(const TagRule& tag, FieldValues& values)
{
    TagOrder order;
    order.rule = tag.label;
    order.subject_prefix = tag.subject_prefix;
    order.once = tag.once;
    for (const auto& [name, text] : tag.add_headers)
        order.add_headers.emplace_back(name, mail::encode_text(text.fill(values), name.size() + 2));
    order.remove_headers = tag.remove_headers;
    return order;
}

std::string describe(const TagOrder& order)
{
    std::vector<std::string> parts;
    if (!order.subject_prefix.empty()) parts.push_back(fmt::format("tag_subject \"{}\"", order.subject_prefix));
    for (const auto& name : order.remove_headers) parts.push_back(fmt::format("remove_header {}", name));
    for (const auto& [name, value] : order.add_headers)
        parts.push_back(fmt::format("add_header {}: \"{}\"", name, printable(value)));
    return fmt::format("{}", fmt::join(parts, ", "));
}

/// The refusal, or nothing where it is allowed.
Result<void> obey(const Order& order, const std::string& label)
{
    if (order.action == ActionId::allow) return {};
    return fault(Retry::never, label).tell_peer(order.digits, order.status, order.text);
}

struct Counted {
    std::string key;   ///< whose counter
    std::string whom;  ///< as the peer reads it
};

/// Whose messages are counted, or nothing where there is nobody.
std::optional<Counted> counted(RatePer per, const Facts& facts)
{
    const auto address = [](const mail::Address* one) -> std::optional<Counted> {
        if (one == nullptr) return {};
        return Counted{one->key(), one->text()};
    };
    const auto organisation = [](const vocabulary::Organisation* one) -> std::optional<Counted> {
        if (one == nullptr) return {};
        return Counted{one->id, one->name};
    };
    switch (per) {
        case RatePer::sender_address:
            return address(facts.sender);
        case RatePer::sender_organisation:
            return organisation(facts.sender_organisation);
        case RatePer::recipient_address:
            return address(facts.recipient);
        case RatePer::recipient_organisation:
            return organisation(facts.recipient_organisation);
        case RatePer::connection_address:
            break;
    }
    if (!facts.peer) return {};
    auto ip = vocabulary::print_ip(*facts.peer);
    return Counted{ip, ip};
}

std::string_view preposition(RatePer per)
{
    const bool to = per == RatePer::recipient_address || per == RatePer::recipient_organisation;
    return to ? "to" : "from";
}

RateOrder order_of(const RateRule& rate, const Counted& whose)
{
    RateOrder order;
    order.rule = rate.label;
    order.name = rate.name;
    order.key = whose.key;
    order.rate = rate.allow;
    order.refuse = rate.refuse;
    order.per_message = rate.per_message;
    const auto what =
        fmt::format("Too many {} {} {}: at most {} are taken", rate.per_message ? "messages" : "recipients",
                    preposition(rate.per), printable(whose.whom), vocabulary::print_rate(rate.allow));
    order.over = Fault(rate.refuse ? Retry::never : Retry::later, fmt::format("{}: over the rate", rate.label));
    static_cast<void>(
        std::move(order.over).tell_peer(50, {7, 1}, rate.refuse ? what : what + "; please try again later"));
    return order;
}

}  // namespace

Result<SizeLimit> CompiledSnapshot::receiving_limit(const Facts& facts, Trail* trail) const
{
    SizeLimit limit{c_->limits->message_size, "this service"};
    if (const auto* recipient = facts.recipient_organisation; recipient != nullptr && recipient->limits.message_size)
        lower(limit, *recipient->limits.message_size, recipient->name);
    RuleWalk walk(facts, RuleFile::limits, c_->scripts.get(), trail);
    for (const auto number : walk.numbers(c_->indexes.limits)) {
        const auto& rule = c_->limits->limits[number];
        const auto answer = walk.ask(rule);
        if (answer.scripted) {
            for (const auto& order : *answer.scripted) {
                walk.ordered(order);
                lower(limit, order.size, rule.name);
            }
            continue;
        }
        if (answer.fault && rule.script) return std::unexpected(*answer.fault);
        // What cannot be decided counts: too small a limit is seen and mended, one that was passed over is not.
        if (answer.held == Truth::no || !rule.message_size) continue;
        walk.ordered(fmt::format("message_size {}", vocabulary::print_size(*rule.message_size)));
        lower(limit, *rule.message_size, rule.name);
    }
    return limit;
}

Result<std::vector<RateOrder>> CompiledSnapshot::rates(const Facts& facts, Trail* trail) const
{
    std::vector<RateOrder> orders;
    RuleWalk walk(facts, RuleFile::limits, c_->scripts.get(), trail);
    for (const auto number : walk.numbers(c_->indexes.rates)) {
        const auto& rule = c_->limits->rates[number];
        const auto answer = walk.ask(rule);
        if (answer.fault) return std::unexpected(*answer.fault);
        if (answer.held != Truth::yes) continue;
        const auto whose = counted(rule.per, facts);
        if (!whose) continue;
        orders.push_back(order_of(rule, *whose));
        walk.ordered(fmt::format("count {} for {}", vocabulary::print_rate(rule.allow), printable(whose->whom)));
    }
    return orders;
}

Result<void> CompiledSnapshot::may_mail(const Facts& facts, Trail* trail) const
{
    RuleWalk walk(facts, RuleFile::permissions, c_->scripts.get(), trail);
    const MailRule* decided = nullptr;
    Result<void> result;
    for (const auto number : walk.numbers(c_->indexes.mail)) {
        const auto& rule = c_->permissions->mail[number];
        if (decided != nullptr) {
            walk.pass_over(rule, fmt::format("decided by {}", decided->label));
            continue;
        }
        const auto answer = walk.ask(rule);
        if (answer.fault) {
            decided = &rule;
            result = std::unexpected(*answer.fault);
        } else if (answer.scripted || (answer.held == Truth::yes && !rule.then.empty())) {
            decided = &rule;
            const auto order = answer.scripted ? answer.scripted->front() : rule.then.front().fill(walk.values());
            walk.ordered(order);
            result = obey(order, rule.label);
        }
        if (decided != nullptr && !walk.is_witnessed()) break;
    }
    return result;
}

Result<std::vector<TagOrder>> CompiledSnapshot::tags(const Facts& facts, Trail* trail) const
{
    std::vector<TagOrder> orders;
    RuleWalk walk(facts, RuleFile::tagging, c_->scripts.get(), trail);
    for (const auto number : walk.numbers(c_->indexes.tags)) {
        const auto& tag = c_->tagging->tags[number];
        const auto answer = walk.ask(tag);
        if (answer.fault) return std::unexpected(*answer.fault);
        if (answer.scripted) {
            EditOrders edits(tag.label);
            for (const auto& order : *answer.scripted) {
                walk.ordered(order);
                edits.add(order);
            }
            edits.move_to(orders);
        } else if (answer.held == Truth::yes &&
                   (!tag.subject_prefix.empty() || !tag.add_headers.empty() || !tag.remove_headers.empty())) {
            orders.push_back(order_of(tag, walk.values()));
            if (walk.is_witnessed()) walk.ordered(describe(orders.back()));
        }
    }
    return orders;
}

Result<RouteOrder> CompiledSnapshot::route(const Facts& facts, Trail* trail) const
{
    RuleWalk walk(facts, RuleFile::routing, c_->scripts.get(), trail);
    const RouteRule* decided = nullptr;
    Result<RouteOrder> result = RouteOrder{};
    for (const auto number : walk.numbers(c_->indexes.routes)) {
        const auto& route = c_->routing->routes[number];
        if (decided != nullptr) {
            walk.pass_over(route, fmt::format("decided by {}", decided->label));
            continue;
        }
        const auto answer = walk.ask(route);
        if (answer.held == Truth::no) continue;
        decided = &route;
        if (answer.fault && route.script)
            result = std::unexpected(*answer.fault);
        else if (answer.fault)
            result = fault(Retry::later, fmt::format("route \"{}\" cannot be decided yet", route.name))
                         .tell_peer(51, {4, 3},
                                    "The route for this recipient cannot be decided at the moment; please try again");
        else
            result = RouteOrder{route.label, &route.next_hop};
        if (answer.held == Truth::yes) walk.ordered("next_hop " + route.next_hop.name);
        if (!walk.is_witnessed()) break;
    }
    if (decided != nullptr) return result;
    return facts.recipient_organisation == nullptr ? RouteOrder{} : own_route(*facts.recipient_organisation);
}

}  // namespace postern::policy
