// The two forms of a member's address: outside the community, and inside with the suffix.
//
// Pure functions over an organisation's declared domains; any thread, no failure.
#pragma once

#include "mail/address.hpp"
#include "vocabulary/organisation.hpp"

#include <optional>
#include <string>

namespace postern::transform {

/// The address as the community knows it. Nothing if its domain is none of this organisation's. The local part stays
/// as written, and so does the domain where the secure one is the domain with a suffix behind it
/// (Eric@GreenStone.example becomes Eric@GreenStone.example.cjsm.net); else the domain is given as declared.
[[nodiscard]] std::optional<mail::Address> inside(const mail::Address& address, const vocabulary::Organisation& of);

/// The address as the member's own server knows it: the way back of inside().
[[nodiscard]] std::optional<mail::Address> outside(const mail::Address& address, const vocabulary::Organisation& of);

/// Whether the domain is one of the organisation's, in either form.
[[nodiscard]] bool owns(const vocabulary::Organisation& organisation, const mail::Domain& domain) noexcept;

/// The text that takes the place of `domain` in a header: empty if it has that form already or is none of the
/// organisation's. Never changes bytes that the other form shares with it.
[[nodiscard]] std::string inside_text(const mail::Domain& domain, const vocabulary::Organisation& of);
[[nodiscard]] std::string outside_text(const mail::Domain& domain, const vocabulary::Organisation& of);

}  // namespace postern::transform
