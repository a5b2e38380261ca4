// What the engine does by itself about people, every hour: a signed head of the audit into the log, which leaves the
// machine; activity kept; logins of those who are not there locked; warnings before passwords run out.
#pragma once

#include "control/audit.hpp"
#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>

namespace postern::control {

/// Once. What fails is an alarm, and the rest is done all the same.
[[nodiscard]] boost::asio::awaitable<void> upkeep(gateway::Services services, AuditApi& audit);

}  // namespace postern::control
