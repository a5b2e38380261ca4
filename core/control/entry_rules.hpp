// What policy says about an entry of the directory: whose its address is, and that its members are inside the
// community.
//
// Pure; any thread. The directory knows no policy, so it is given these as its EntryCheck.
#pragma once

#include "directory/import.hpp"
#include "policy/snapshot.hpp"
#include "ports/told_events.hpp"

namespace postern::control {

/// An address belongs to the organisation whose domain it bears; only mailbox members, and lists of any, have addresses
/// at the suffix itself. Members of a list and those who may send to it are inside the community, those of a group in
/// its own organisation. Fault (never): all that is wrong.
[[nodiscard]] Result<void> fits_policy(const policy::Snapshot& policy, const vocabulary::DirectoryEntry& entry);

/// Whether readers take mail from this address at the suffix for the service's own ("abuse", "helpdesk"): such an entry
/// is made by who may make entries of the whole service.
[[nodiscard]] bool speaks_for_service(const policy::Snapshot& policy, const mail::Address& address);

/// For the directory, bound to that policy.
[[nodiscard]] directory::EntryCheck entry_check(policy::SnapshotPtr policy);

/// Addresses inside the community become those of the member's own form, for members, owners and named senders.
void to_own_form(const policy::Snapshot& policy, vocabulary::DirectoryEntry& entry);
[[nodiscard]] std::string to_own_form(const policy::Snapshot& policy, const std::string& address);

/// Whom an alert about a login reaches at that time.
[[nodiscard]] ports::LoginOwner login_owner(const policy::Snapshot& policy, const vocabulary::DirectoryEntry& entry,
                                            Instant at);
/// What the policy says of entries that are written; `sure`: whoever asks was told of look-alikes, and wants it so.
[[nodiscard]] directory::EntryTerms entry_terms(const policy::Snapshot& policy, bool sure);

}  // namespace postern::control
