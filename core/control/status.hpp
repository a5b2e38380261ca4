// How the engine is doing, as one value: for `postern status`, the metrics page, and whoever watches.
#pragma once

#include "control/backups.hpp"
#include "directory/directory.hpp"
#include "gateway/reload.hpp"
#include "gateway/services.hpp"

#include <boost/json/value.hpp>
#include <string>

namespace postern::control {

struct StatusFacts {
    store::QueueTotals queue;
    bool queue_known = true;
    std::optional<Instant> oldest_in_ledger{};
    directory::Counts directory;
    bool directory_known = true;
    gateway::ReloadReport reload;
    std::optional<gateway::RunningTrial> trial{};
    BackupState backup{};
    Instant started{};
    Instant now{};
};

[[nodiscard]] boost::json::value status_json(const gateway::Services& services, const StatusFacts& facts);
/// The same for people.
[[nodiscard]] std::string status_text(const boost::json::value& status);
/// Prometheus text format, names prefixed "postern_".
[[nodiscard]] std::string metrics_text(const gateway::Services& services, const StatusFacts& facts);

}  // namespace postern::control
