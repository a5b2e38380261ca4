// How long to wait before the next attempt. All threads.
#pragma once

#include "vocabulary/next_hop.hpp"

#include <algorithm>
#include <cmath>

namespace postern::gateway {

/// The wait after `attempts` (at least 1) that failed: first * factor^(attempts-1), at most `at_most`, varied by
/// `chance` (0..1; one half: not at all) within the jitter.
[[nodiscard]] inline Duration backoff(const vocabulary::RetrySchedule& retry, unsigned attempts, double chance)
{
    const double steps = std::min(attempts == 0 ? 0.0 : static_cast<double>(attempts - 1), 64.0);
    const double plain =
        std::min(static_cast<double>(retry.first.count()) * std::pow(std::max(1.0, retry.factor), steps),
                 static_cast<double>(retry.at_most.count()));
    const double varied = plain * (1 + retry.jitter * (2 * chance - 1));
    return Duration{static_cast<Duration::rep>(std::max(varied, 1000.0))};
}

/// The same, varied by chance.
[[nodiscard]] Duration backoff(const vocabulary::RetrySchedule& retry, unsigned attempts);

}  // namespace postern::gateway
