// What one call of a script may cost.
#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace postern::script {

/// The first that is used up ends the call, and no script can catch that.
struct Budgets {
    /// Instructions of the virtual machine; library functions charge the same account by the size of their input.
    std::uint64_t instructions = 2'000'000;
    /// Bytes that the call may add; nothing is collected before it ends.
    std::size_t memory = std::size_t{8} << 20;
    Duration processor = std::chrono::milliseconds{10};  ///< time of the thread's processor
    Duration wall = std::chrono::milliseconds{100};
    /// Instructions between two looks at the account; 1 counts exactly, and costs most.
    int granule = 256;
};

}  // namespace postern::script
