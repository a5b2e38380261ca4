// Entries as rows of directory.db. Used on the store's threads; a storage error is thrown as store::StorageFailure.
#pragma once

#include "directory/import.hpp"
#include "store/database.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace postern::directory {

/// Null: absent. Throws std::runtime_error for a row that this program would not have written.
[[nodiscard]] DirectoryEntryPtr read_entry(store::Database& database, std::string_view key);
/// Every entry of an organisation, of any status.
void read_organisation(store::Database& database, std::string_view organisation,
                       const std::function<void(DirectoryEntry)>& take);
/// Inserts, or replaces what has the same key.
void write_entry(store::Database& database, const DirectoryEntry& entry);
void mark_removed(store::Database& database, std::string_view key);

/// The details as one JSON object, keys in order: how they are kept and compared.
[[nodiscard]] std::string print_details(const DirectoryEntry& entry);
/// The local part of a key, last byte first.
[[nodiscard]] std::string backwards(std::string_view key);

}  // namespace postern::directory
