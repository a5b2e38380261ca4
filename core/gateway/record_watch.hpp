// Signs that somebody else changed what the service keeps: archived policies that do not fit their digests, and storage
// that others could write to.
//
// Used by the monitor, on its thread. What was once changed and put back is not found: that is the audit's to prove.
#pragma once

#include "store/mail_store.hpp"

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

namespace postern::gateway {

/// What does not fit in the archive of the newest generation, in words; nothing: all of it fits. Fault (later): the
/// store could not say.
[[nodiscard]] boost::asio::awaitable<Result<std::optional<std::string>>> archive_damage(store::MailStore& store);

/// What of the storage others than the service and root own or may write to, in words; nothing: none of it.
[[nodiscard]] std::optional<std::string> storage_exposure(const std::string& directory);

}  // namespace postern::gateway
