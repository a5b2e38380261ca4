// Whether the gateway would start with the policy that was laid ready: loaded as if it lay where it will. Private to
// the room.
//
// Blocking.
#pragma once

#include "backup/restoring.hpp"

namespace postern::backup {

/// `folder`: the policy as it was laid ready; its node.yaml is changed where the order says so. `storage`: where mail
/// will lie. `outside`: files that the backup holds and that will have to be put in their place by hand. Fault (never):
/// says why the gateway would not start, or not be the one that was restored, and what to do.
[[nodiscard]] Result<void> fit_policy(const std::filesystem::path& folder, const RestoreOrder& order,
                                      const std::filesystem::path& storage, const std::vector<std::string>& outside);

}  // namespace postern::backup
