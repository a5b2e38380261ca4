// What an administrator should look at now: conditions that were raised and not cleared.
//
// Thread-safe. Raising writes an alert to the log the first time; status and metrics show what stands.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace postern::ports {

struct Alarm {
    std::string key;   ///< "hop-unproved organisation:greenstone": kind, then object
    std::string text;  ///< what is wrong, what follows, what to do
    Instant since{};
    std::uint64_t times = 0;
};

class Alarms {
public:
    Alarms(Log& log, const Clock& clock) : log_(log), clock_(clock) {}

    void raise(const std::string& key, const std::string& text);
    /// Ends the condition, if it stands.
    void clear(const std::string& key);
    [[nodiscard]] std::vector<Alarm> standing() const;

private:
    Log& log_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Alarm> standing_;
};

}  // namespace postern::ports
