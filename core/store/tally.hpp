// How much waits, counted along with every commit, so that asking costs nothing however long the queue is.
//
// Changed by the writer's thread after commits; read from any thread.
#pragma once

#include "store/mail_records.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace postern::store {

/// What waits for an organisation is queued or held; what is in quarantine waits for people.
struct TallyChange {
    std::string organisation{};
    std::int64_t messages = 0, queued = 0, held = 0, quarantined = 0;
};

class Tally {
public:
    void apply(const TallyChange& change)
    {
        const std::lock_guard lock(mutex_);
        messages_ += change.messages;
        queued_ += change.queued;
        held_ += change.held;
        quarantined_ += change.quarantined;
        const std::int64_t deliveries = change.queued + change.held;
        if (deliveries == 0) return;
        const auto place = by_organisation_.try_emplace(change.organisation, 0).first;
        place->second += deliveries;
        if (place->second == 0) by_organisation_.erase(place);
    }

    /// Without `oldest`.
    [[nodiscard]] QueueTotals totals() const
    {
        const std::lock_guard lock(mutex_);
        QueueTotals totals;
        totals.messages = static_cast<std::uint64_t>(messages_);
        totals.queued = static_cast<std::uint64_t>(queued_);
        totals.held = static_cast<std::uint64_t>(held_);
        totals.quarantined = static_cast<std::uint64_t>(quarantined_);
        for (const auto& [organisation, count] : by_organisation_)
            totals.by_organisation.emplace_back(organisation, static_cast<std::uint64_t>(count));
        return totals;
    }

private:
    mutable std::mutex mutex_;
    std::int64_t messages_ = 0, queued_ = 0, held_ = 0, quarantined_ = 0;
    std::map<std::string, std::int64_t> by_organisation_;
};

}  // namespace postern::store
