// The front of an update: manifest and signature, which come before all that the manifest names (image/lib/outputs.sh).
//
// Pure; any thread. What the appliance would refuse by them is refused before the rest is sent.
#pragma once

#include "base/fault.hpp"

#include <string>
#include <string_view>

namespace postern::control {

struct UpdateHead {
    std::string manifest;
    std::string signature;
};
/// From the first bytes of an update, a tar archive (POSIX.1-1988, ustar). Fault (never): these are none, or hold less
/// than both.
[[nodiscard]] Result<UpdateHead> read_update_head(std::string_view front);

}  // namespace postern::control
