// The file of logins that node.yaml names under secrets:, as values.
//
// Blocking; called when a generation is published, off the I/O threads.
#pragma once

#include "base/fault.hpp"
#include "policy/compiler.hpp"
#include "vocabulary/login.hpp"

#include <string>

namespace postern::policy {

/// What the policy's routes need: an empty map where no secrets are declared. Fault (never), of one line, without any
/// value: the file can't be read, others than its owner may read it, or its form is wrong.
[[nodiscard]] Result<vocabulary::Logins> load_secrets(const Snapshot& snapshot);
/// Holds every `credentials:` of the policy against the file. One that is not there is no error here: a policy may be
/// checked on another machine.
void check_secrets(const PolicyFiles& files, Diagnostics& diagnostics);

}  // namespace postern::policy
