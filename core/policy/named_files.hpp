// The files that a policy names and that are no part of it: certificates, keys, authorities, secrets, lists of words.
//
// Apart from policy/snapshot, which every room reads. Pure; any thread.
#pragma once

#include "policy/snapshot.hpp"

#include <string>
#include <vector>

namespace postern::policy {

/// Absolute paths, sorted, each once; some may not exist.
[[nodiscard]] const std::vector<std::string>& named_files(const Snapshot& policy);

}  // namespace postern::policy
