// permissions.yaml `audit:`: how long what people did stays on record, and how often its end leaves the machine.
#pragma once

#include "base/clock.hpp"

#include <optional>

namespace postern::vocabulary {

struct AuditRules {
    std::optional<Duration> keep;                  ///< older records go; absent: none does
    Duration head_every = std::chrono::hours{24};  ///< the chain's signed end is told by the event audit_head
};

}  // namespace postern::vocabulary
