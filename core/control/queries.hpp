// Filters of queue and trace, from a query string or a JSON body. Pure; faults (never) name the parameter.
#pragma once

#include "store/mail_records.hpp"

#include <map>
#include <string>

namespace postern::control {

using Query = std::map<std::string, std::string>;

/// id (several, separated by commas), from, to, organisation, held (true or false), older_than ("2 hours"), limit.
[[nodiscard]] Result<store::QueueFilter> queue_filter(const Query& query);
/// id (ours, or a Message-ID), from, to, since ("2026-11-23T10:00:00Z" or "2 hours"), limit.
[[nodiscard]] Result<store::TraceFilter> trace_filter(const Query& query, Instant now);

struct QueueOrder {
    store::QueueFilter filter;
    std::string reason;
};
/// A JSON object with the names of queue_filter() and `reason`. An empty filter is refused unless it says "all": true.
[[nodiscard]] Result<QueueOrder> queue_order(const std::string& body);

}  // namespace postern::control
