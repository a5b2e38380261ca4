// Finding entries as somebody types. Used on the store's threads; throws store::StorageFailure.
#pragma once

#include "directory/administration.hpp"

namespace postern::directory {

/// At most filter.limit entries, by address. Looks at 2,000 candidates at most, whatever was typed.
[[nodiscard]] std::vector<StandingEntry> search_entries(store::Database& database, const EntryFilter& filter);

}  // namespace postern::directory
