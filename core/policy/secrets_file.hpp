// The file of logins that node.yaml names under secrets:, as values.
//
// Blocking; called when a generation is published, off the I/O threads.
#pragma once

#include "base/fault.hpp"
#include "policy/snapshot.hpp"
#include "vocabulary/login.hpp"

#include <string>

namespace postern::policy {

/// What the policy's routes need: an empty map where no secrets are declared. Fault (never), of one line, without any
/// value: the file can't be read, others than its owner may read it, its form is wrong, or a route names a login that
/// it does not hold.
[[nodiscard]] Result<vocabulary::Logins> load_secrets(const Snapshot& snapshot);

}  // namespace postern::policy
