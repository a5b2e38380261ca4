#include "policy/compiled_snapshot.hpp"

#include "mail/header.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

void lower(SizeLimit& limit, std::uint64_t bytes, const std::string& whose)
{
    if (bytes < limit.bytes) limit = {bytes, whose};
}

std::string rule_name(std::string_view file, const Place& place, std::string_view name)
{
    return fmt::format("{}:{} {}", file, place.line, name);
}

TagOrder order_of(const TagRule& tag, const vocabulary::Facts& facts)
{
    TagOrder order;
    order.rule = rule_name("tagging.yaml", tag.place, tag.name);
    order.subject_prefix = tag.subject_prefix;
    order.once = tag.once;
    for (const auto& [name, text] : tag.add_headers)
        order.add_headers.emplace_back(name, mail::encode_text(text.fill(facts), name.size() + 2));
    order.remove_headers = tag.remove_headers;
    return order;
}

}  // namespace

const vocabulary::Organisation* CompiledSnapshot::organisation(std::string_view id) const noexcept
{
    const auto found = c_->by_id.find(id);
    return found == c_->by_id.end() ? nullptr : &c_->organisations[found->second];
}

std::optional<DomainOwner> CompiledSnapshot::owner_of(const mail::Domain& domain) const noexcept
{
    if (const auto owner = c_->domains.find(domain.key())) {
        const auto& organisation = c_->organisations[owner->organisation];
        return DomainOwner{&organisation, &organisation.domains[owner->domain], owner->inside};
    }
    if (domain == c_->community.suffix) return DomainOwner{nullptr, nullptr, true};
    return {};
}

SizeLimit CompiledSnapshot::sending_limit(const vocabulary::Organisation& sender) const
{
    SizeLimit limit{c_->limits->message_size, "this service"};
    if (sender.limits.message_size) lower(limit, *sender.limits.message_size, sender.name);
    return limit;
}

SizeLimit CompiledSnapshot::receiving_limit(const vocabulary::Facts& facts, Trail*) const
{
    SizeLimit limit{c_->limits->message_size, "this service"};
    if (const auto* recipient = facts.recipient_organisation; recipient != nullptr && recipient->limits.message_size)
        lower(limit, *recipient->limits.message_size, recipient->name);
    // What cannot be decided counts: too small a limit is seen and mended, one that was passed over is not.
    for (const auto& rule : c_->limits->limits)
        if (rule.message_size < limit.bytes && evaluate(rule.when, facts) != Truth::no)
            lower(limit, rule.message_size, rule.name);
    return limit;
}

std::vector<TagOrder> CompiledSnapshot::tags(const vocabulary::Facts& facts, Trail*) const
{
    std::vector<TagOrder> orders;
    for (const auto& tag : c_->tagging->tags)
        if (evaluate(tag.when, facts) == Truth::yes) orders.push_back(order_of(tag, facts));
    return orders;
}

RouteOrder CompiledSnapshot::own_route(const vocabulary::Organisation& organisation) const
{
    if (organisation.deliver_to) {
        const auto index = c_->by_id.find(organisation.id);
        return {index == c_->by_id.end() ? std::string{} : c_->deliver_rules[index->second], &*organisation.deliver_to};
    }
    const auto& mailboxes = node().mailboxes;
    return {"node.yaml mailboxes", mailboxes ? &mailboxes->lmtp : nullptr};
}

Result<RouteOrder> CompiledSnapshot::route(const vocabulary::Facts& facts, Trail*) const
{
    for (const auto& route : c_->routing->routes) {
        const auto truth = evaluate(route.when, facts);
        if (truth == Truth::yes) return RouteOrder{rule_name("routing.yaml", route.place, route.name), &route.next_hop};
        if (truth == Truth::unknown)
            return fault(Retry::later, fmt::format("route \"{}\" cannot be decided yet", route.name))
                .tell_peer(51, {4, 3},
                           "The route for this recipient cannot be decided at the moment; please try again");
    }
    if (facts.recipient_organisation == nullptr) return RouteOrder{};
    return own_route(*facts.recipient_organisation);
}

Result<void> CompiledSnapshot::may_mail(const vocabulary::Facts&, Trail*) const
{
    return {};
}

std::vector<RateOrder> CompiledSnapshot::rates(const vocabulary::Facts&, Trail*) const
{
    return {};
}

bool CompiledSnapshot::needs_second_person(std::string_view act) const noexcept
{
    return std::ranges::find(c_->dual_control, act) != c_->dual_control.end();
}

ContentDecision CompiledSnapshot::content(const vocabulary::Facts&, std::string_view, Trail*) const
{
    return {};
}

}  // namespace postern::policy
