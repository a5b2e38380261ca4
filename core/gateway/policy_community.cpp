#include "gateway/policy_community.hpp"

#include "transform/mapping.hpp"

namespace postern::gateway {

std::optional<mail::Address> PolicyCommunity::inside(const mail::Address& address) const
{
    const auto owner = policy_.owner_of(address.domain());
    if (!owner) return std::nullopt;
    if (owner->organisation == nullptr || owner->inside) return address;
    return transform::inside(address, *owner->organisation);
}

std::vector<mail::Address> PolicyCommunity::administrators(std::string_view organisation) const
{
    const auto* declared = policy_.organisation(organisation);
    return declared ? declared->administrators : std::vector<mail::Address>{};
}

std::vector<std::string> PolicyCommunity::non_secure(std::string_view organisation) const
{
    const auto* declared = policy_.organisation(organisation);
    return declared ? declared->alerts_also_to : std::vector<std::string>{};
}

}  // namespace postern::gateway
