// When an organisation is reminded of what it has to do: at the declared times before, when it is due, and again and
// again until it is done.
//
// Pure; any thread. Administration keeps what was told.
#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::directory {

/// Something that an organisation has to do.
struct Duty {
    std::string organisation, task;
    std::optional<Instant> due;  ///< nothing: it was never done
};

/// What is kept of it.
struct Reminder {
    std::string organisation, task;
    Instant since{};  ///< first seen
    Instant due{};
    std::optional<Instant> told;
    std::optional<Duration> step;  ///< that was told last: how long before; zero: that it is due
    friend bool operator==(const Reminder&, const Reminder&) = default;
};

struct ReminderTimes {
    std::vector<Duration> before;                  ///< longest first
    Duration grace = std::chrono::hours{24 * 30};  ///< what was never done is due so long after it is first seen
    Duration again = std::chrono::hours{24 * 30};  ///< what is overdue is told again
};

/// `kept` as it is to be kept from now on; `tell`: whether the organisation is to be reminded now, at `kept.step`.
struct Reminded {
    Reminder kept;
    bool tell = false;
};
/// `before`: what was kept; nothing: it is seen for the first time.
[[nodiscard]] Reminded remind(const Duty& duty, const std::optional<Reminder>& before, const ReminderTimes& times,
                              Instant now);

}  // namespace postern::directory
