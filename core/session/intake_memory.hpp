// How much memory all contents being received may use together.
//
// One per engine; thread-safe. A session holds a share for its content, grows it as bytes come, and gives it
// back by destruction.
#pragma once

#include "ports/metrics.hpp"

#include <atomic>
#include <cstdint>

namespace postern::session {

class IntakeMemory {
public:
    explicit IntakeMemory(ports::Counter& used) : used_(used) {}

    class Share {
    public:
        explicit Share(IntakeMemory& memory) : memory_(memory) {}
        ~Share() { memory_.used_ -= held_; }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;

        /// Makes the share at least `bytes`; false (and nothing changed) if all shares together would exceed `limit`.
        [[nodiscard]] bool grow_to(std::uint64_t bytes, std::uint64_t limit)
        {
            if (bytes <= held_) return true;
            const std::uint64_t more = bytes - held_;
            if (memory_.used_.fetch_add(more) + more > limit) {
                memory_.used_ -= more;
                return false;
            }
            held_ = bytes;
            return true;
        }
        void release() { memory_.used_ -= held_, held_ = 0; }

    private:
        IntakeMemory& memory_;
        std::uint64_t held_ = 0;
    };

private:
    ports::Counter& used_;
};

}  // namespace postern::session
