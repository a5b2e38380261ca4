#include "policy/compiled_snapshot.hpp"

#include <algorithm>

namespace postern::policy {

namespace {

void lower(SizeLimit& limit, std::uint64_t bytes, const std::string& whose)
{
    if (bytes < limit.bytes) limit = {bytes, whose};
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

RouteOrder CompiledSnapshot::own_route(const vocabulary::Organisation& organisation) const
{
    if (organisation.deliver_to) {
        const auto index = c_->by_id.find(organisation.id);
        return {index == c_->by_id.end() ? std::string{} : c_->deliver_rules[index->second], &*organisation.deliver_to};
    }
    const auto& mailboxes = node().mailboxes;
    return {"node.yaml mailboxes", mailboxes ? &mailboxes->lmtp : nullptr};
}

bool CompiledSnapshot::needs_second_person(std::string_view act) const noexcept
{
    const auto& acts = c_->permissions->dual_control;
    return std::ranges::find(acts, act) != acts.end();
}

}  // namespace postern::policy
