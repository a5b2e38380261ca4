// The two forms of an address, by whoever of the policy owns its domain.
//
// Pure; any thread.
#pragma once

#include "mail/address.hpp"
#include "policy/snapshot.hpp"

namespace postern::gateway {

/// As the member's own server knows it, whichever form is given; as it is where no member owns its domain.
[[nodiscard]] mail::Address own_form(const policy::Snapshot& policy, const mail::Address& address);
/// As the community knows it, whichever form is given; as it is where no member owns its domain.
[[nodiscard]] mail::Address inside_form(const policy::Snapshot& policy, const mail::Address& address);

}  // namespace postern::gateway
