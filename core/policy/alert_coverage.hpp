// Whether alerts.yaml tells people what they have to be told: a virus that is kept back, a password that somebody else
// reset, a warning that could not be sent.
//
// Pure; any thread. A policy goes live without: what is found are warnings, for `postern check` and each reload.
#pragma once

#include "policy/diagnostic.hpp"
#include "policy/snapshot.hpp"

#include <string_view>

namespace postern::policy {

/// `alerts_yaml`: the file's bytes, for the line that is shown; empty where there is no such file.
[[nodiscard]] Diagnostics check_alert_coverage(const Snapshot& policy, std::string_view alerts_yaml);

}  // namespace postern::policy
