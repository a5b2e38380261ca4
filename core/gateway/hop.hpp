// Opening a connection to a next hop: resolve it, prove it, raise or clear the alarm about it.
//
// Runs in the caller's coroutine and thread.
#pragma once

#include "deliver/connection.hpp"
#include "gateway/services.hpp"
#include "vocabulary/next_hop.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>

namespace postern::gateway {

/// A connection that has proved itself as declared. Fault: later, whatever the reason; a hop that could not prove
/// itself raises the alarm "hop-unproved NAME" as well.
[[nodiscard]] boost::asio::awaitable<Result<std::unique_ptr<deliver::Connection>>> open_hop(
    Services services, const Generation& generation, const vocabulary::NextHop& hop,
    deliver::Timeouts timeouts = deliver::Timeouts());

/// Asks a member's own server whether it knows the address. Fault: later, no clear answer.
[[nodiscard]] boost::asio::awaitable<Result<bool>> ask_hop(Services services, const Generation& generation,
                                                           const vocabulary::NextHop& hop, mail::Address address);

}  // namespace postern::gateway
