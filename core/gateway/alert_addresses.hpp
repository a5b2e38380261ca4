// Whether those whom alerts.yaml names can be told: an address inside is in the directory, one outside has a way to it.
//
// Blocking, on the caller's thread, with a context of its own: `postern check` and each reload call it. A policy goes
// live all the same (the directory may be imported later), so what is found are warnings.
#pragma once

#include "policy/diagnostic.hpp"
#include "policy/snapshot.hpp"
#include "ports/people.hpp"

#include <string_view>

namespace postern::gateway {

/// `alerts_yaml`: the file's bytes, for the lines that are shown. `people` null: nobody knows who is listed, and only
/// ways out are looked at.
[[nodiscard]] policy::Diagnostics check_alert_addresses(const policy::Snapshot& policy, std::string_view alerts_yaml,
                                                        ports::People* people);

}  // namespace postern::gateway
