// The maintenance windows as intake sees them.
//
// Thread-safe; set by the alerts engine, asked at each MAIL FROM.
#pragma once

#include "vocabulary/alerts.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::ports {

class Maintenance {
public:
    /// Those that are not cancelled and have not ended.
    void set(std::vector<vocabulary::MaintenanceWindow> windows)
    {
        const std::lock_guard lock(mutex_);
        windows_ = std::move(windows);
    }
    /// The window that holds now and asks intake to defer.
    [[nodiscard]] std::optional<vocabulary::MaintenanceWindow> defers(Instant now) const
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::ranges::find_if(windows_, [&](const vocabulary::MaintenanceWindow& window) {
            return window.intake == vocabulary::WindowIntake::defer && now >= window.from && now < window.to;
        });
        if (found == windows_.end()) return std::nullopt;
        return *found;
    }

private:
    mutable std::mutex mutex_;
    std::vector<vocabulary::MaintenanceWindow> windows_;
};

}  // namespace postern::ports
