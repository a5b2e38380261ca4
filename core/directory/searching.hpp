// Finding entries as somebody types. Used on the store's threads; throws store::StorageFailure.
#pragma once

#include "directory/administration.hpp"

namespace postern::directory {

/// At most filter.limit entries, by address. Begins with the typed word that the fewest entries have, and looks at
/// 6,000 of them at most: where so many fit no word better, what is found is not all that there is.
[[nodiscard]] std::vector<StandingEntry> search_entries(store::Database& database, const EntryFilter& filter);

}  // namespace postern::directory
