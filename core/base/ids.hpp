// Names for messages: sortable by time, unguessable in their tail, fit for a file name, a header and a URL.
#pragma once

#include "base/clock.hpp"

#include <string>
#include <string_view>

namespace postern {

/// The id of one accepted message: 26 characters of Crockford's base 32 (48 bits of milliseconds, 80 random
/// bits), so ids sort by time of receipt. Also the name of a body file and the id in Received.
[[nodiscard]] std::string make_message_id(Instant at);

/// Whether `text` has the form of a message id. Anything from outside is checked by this before it is used.
[[nodiscard]] bool is_message_id(std::string_view text) noexcept;

}  // namespace postern
