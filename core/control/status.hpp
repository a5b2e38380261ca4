// How the engine is doing, as one value: for `postern status`, the metrics page, and whoever watches.
#pragma once

#include "directory/directory.hpp"
#include "gateway/reload.hpp"
#include "gateway/services.hpp"

#include <boost/json/value.hpp>
#include <string>

namespace postern::control {

struct StatusFacts {
    store::QueueTotals queue;
    bool queue_known = true;
    directory::Counts directory;
    bool directory_known = true;
    gateway::ReloadReport reload;
    Instant started{};
    Instant now{};
};

[[nodiscard]] boost::json::value status_json(const gateway::Services& services, const StatusFacts& facts);
/// The same for people.
[[nodiscard]] std::string status_text(const boost::json::value& status);
/// Prometheus text format, names prefixed "postern_".
[[nodiscard]] std::string metrics_text(const gateway::Services& services, const StatusFacts& facts);
/// A reload's report, for `postern reload` and in status.
[[nodiscard]] boost::json::value reload_json(const gateway::ReloadReport& report);
[[nodiscard]] std::string reload_text(const gateway::ReloadReport& report, const std::string& directory);

}  // namespace postern::control
