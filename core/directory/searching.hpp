// Finding entries as somebody types. Used on the store's threads; throws store::StorageFailure.
#pragma once

#include "directory/administration.hpp"

namespace postern::directory {

/// At most filter.limit entries, by address. Words, organisation, kind and status are terms, each with an index of who
/// has it. The search begins with the one that the fewest have and holds those against the others: against all who have
/// such a term, where these are below 6,000, else by looking at each, 2,500 times at most. So its cost is bounded
/// however large the directory is; where more than that have every term, what is found is not all that there is.
[[nodiscard]] std::vector<StandingEntry> search_entries(store::Database& database, const EntryFilter& filter);

}  // namespace postern::directory
