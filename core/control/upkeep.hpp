// What the engine does by itself about people, every hour: a signed head of the audit leaves the machine, and records
// that are over go; activity is kept, and those who are away are warned and locked; passwords that run out are told of;
// sessions and codes that are over are forgotten; organisations are reminded of what they have to do. And what became of
// messages leaves the ledger when it is over.
#pragma once

#include "control/audit.hpp"
#include "gateway/reload_report.hpp"
#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>

namespace postern::control {

/// Once. What fails is an alarm or in the log, and the rest is done all the same.
[[nodiscard]] boost::asio::awaitable<void> upkeep(gateway::Services services, AuditApi& audit);

/// A change of the policy that nobody ordered by the control protocol goes on record: the start, files that changed, a
/// signal, a trial that ended.
[[nodiscard]] boost::asio::awaitable<void> record_reload(gateway::Services services, gateway::ReloadReport report);

}  // namespace postern::control
