// Senders who asked for a report of delivery, and whose recipients' servers took the mail and say nothing, are told
// what is known.
//
// Call now and then, on any reactor; one call at a time.
#pragma once

#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>

namespace postern::gateway {

[[nodiscard]] boost::asio::awaitable<void> answer_for_the_silent(Services services);

}  // namespace postern::gateway
