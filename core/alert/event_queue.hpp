// Events that wait for the alerts engine: bounded, without losing what still holds.
//
// Thread-safe: whoever raises adds, the engine's thread takes. A moment that finds the queue full is dropped, since it
// is in the log and more of its kind are waiting. A condition is not: it is told only when it begins and ends.
#pragma once

#include "vocabulary/events.hpp"

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

namespace postern::alert {

class EventQueue {
public:
    /// Beyond `most` events there is at most one more for each condition's key.
    explicit EventQueue(std::size_t most = 1000) : most_(most) {}

    /// False: it was dropped.
    [[nodiscard]] bool add(vocabulary::Event event);
    /// The first; it stays until pop().
    [[nodiscard]] std::optional<vocabulary::Event> front() const;
    void pop();

private:
    bool settles_with_one_that_waits(const vocabulary::Event& event);

    std::size_t most_;
    mutable std::mutex mutex_;
    std::deque<vocabulary::Event> events_;  // under mutex_
};

}  // namespace postern::alert
