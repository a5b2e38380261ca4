// Compares a document with what directory.db holds, and makes the one like the other.
//
// Used on the store's threads by Directory; a storage error is thrown as store::StorageFailure.
#pragma once

#include "base/clock.hpp"
#include "directory/import.hpp"
#include "store/database.hpp"

#include <string>

namespace postern::directory {

/// Difference and problems, read in one view of the database if a transaction is open. `progress` may be null.
[[nodiscard]] Difference compare(store::Database& database, const ImportDocument& document, const EntryCheck& check,
                                 const EntryTerms& terms, Progress* progress = nullptr);
/// What differs between two entries of the same address, printed.
[[nodiscard]] std::vector<FieldChange> changed_fields(const DirectoryEntry& before, const DirectoryEntry& after);

/// Writes a difference without problems, and the record that it was.
void write_difference(store::Database& database, const Difference& difference, const ImportDocument& document,
                      const std::string& actor, Instant at, const EntryTerms& terms, Progress* progress = nullptr);

/// Grows with each import and each edit: two equal answers mean that the entries did not change between.
[[nodiscard]] std::int64_t newest_import(store::Database& database);

}  // namespace postern::directory
