// permissions.yaml `audit:` and `ledger:`: how long what people did and what became of mail stay on record, and how often
// the audit's end leaves the machine.
#pragma once

#include "base/clock.hpp"

#include <optional>

namespace postern::vocabulary {

struct AuditRules {
    std::optional<Duration> keep;                  ///< older records go; absent: none does
    Duration head_every = std::chrono::hours{24};  ///< the chain's signed end is told by the event audit_head
};

struct LedgerRules {
    std::optional<Duration> keep;  ///< what became of older messages goes, once nothing of them waits; absent: none does
};

}  // namespace postern::vocabulary
