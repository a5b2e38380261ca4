// The files that a policy names and that are no part of it: certificates, keys, authorities, secrets.
//
// Pure; any thread.
#pragma once

#include "policy/snapshot.hpp"

#include <string>
#include <vector>

namespace postern::gateway {

/// Absolute paths, sorted; some may be there twice, or not exist.
[[nodiscard]] std::vector<std::string> files_beside(const policy::Snapshot& policy);

}  // namespace postern::gateway
