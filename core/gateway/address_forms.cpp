#include "gateway/address_forms.hpp"

#include "transform/mapping.hpp"

namespace postern::gateway {

mail::Address own_form(const policy::Snapshot& policy, const mail::Address& address)
{
    const auto owner = policy.owner_of(address.domain());
    if (!owner || !owner->organisation || !owner->inside) return address;
    return transform::outside(address, *owner->organisation).value_or(address);
}

mail::Address inside_form(const policy::Snapshot& policy, const mail::Address& address)
{
    const auto owner = policy.owner_of(address.domain());
    if (!owner || !owner->organisation) return address;
    return transform::inside(address, *owner->organisation).value_or(address);
}

}  // namespace postern::gateway
