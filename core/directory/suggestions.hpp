// "Did you mean": the listed addresses that are most like one that is not.
#pragma once

#include "mail/address.hpp"
#include "store/database.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::directory {

/// See Directory::similar. Used on the store's threads; a storage error is thrown as store::StorageFailure.
[[nodiscard]] std::vector<std::string> suggest(store::Database& database, const mail::Address& address,
                                               std::string_view organisation, std::size_t at_most);

}  // namespace postern::directory
