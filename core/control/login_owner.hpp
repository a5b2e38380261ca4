// Whose login it is that something is to be told about, as alerts reach them.
//
// Completes on the caller's executor; any thread.
#pragma once

#include "gateway/services.hpp"
#include "ports/told_events.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

namespace postern::control {

/// By an address in the member's own form. Nothing: there is no such entry, or the directory can't be asked; then
/// nobody can be told, and that is in the log.
[[nodiscard]] boost::asio::awaitable<std::optional<ports::LoginOwner>> owner_of(gateway::Services services,
                                                                                std::string address);

}  // namespace postern::control
