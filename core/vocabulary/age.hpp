// How long something has lasted, as people say it.
//
// Pure; any thread.
#pragma once

#include "base/clock.hpp"

#include <string>

namespace postern::vocabulary {

/// The largest unit of which there are two or more: "40 seconds", "35 minutes", "3 hours", "9 days".
[[nodiscard]] std::string age_text(Duration age);

}  // namespace postern::vocabulary
