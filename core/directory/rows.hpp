// Entries as rows of directory.db. Used on the store's threads; a storage error is thrown as store::StorageFailure.
#pragma once

#include "base/clock.hpp"
#include "directory/import.hpp"
#include "store/database.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::directory {

/// An entry with what tells whether somebody changed it meanwhile.
struct StandingEntry {
    DirectoryEntryPtr entry;    ///< null: absent
    std::uint64_t version = 0;  ///< grows with each change
    Instant changed{};
    std::string changed_by;
};

/// Null: absent. Throws std::runtime_error for a row that this program would not have written.
[[nodiscard]] DirectoryEntryPtr read_entry(store::Database& database, std::string_view key);
[[nodiscard]] StandingEntry read_standing(store::Database& database, std::string_view key);
/// Every entry of an organisation, of any status.
void read_organisation(store::Database& database, std::string_view organisation,
                       const std::function<void(DirectoryEntry)>& take);
/// At most `at_most` active entries that are not ex-directory, after a key and in the order of keys, without members;
/// of all organisations where none is named. The last one's key; empty: there are no more.
[[nodiscard]] std::string read_listed(store::Database& database, std::string_view organisation, std::string_view after,
                                      std::size_t at_most, const std::function<void(const DirectoryEntry&)>& look);
/// Inserts, or replaces what has the same key, with its members and words. Where the entry is or was removed, the
/// powers and memberships of who had the address end: who has it next is somebody else.
/// A non-secure address that is another than before counts only after `rests`.
void write_entry(store::Database& database, const DirectoryEntry& entry, const std::string& by, Instant at,
                 Duration rests);
/// Its status; what it was stays readable.
void mark_removed(store::Database& database, const DirectoryEntry& entry, const std::string& by, Instant at);

/// An entry whose owner this is; empty: there is none. Reads all entries.
[[nodiscard]] std::string owned_by(store::Database& database, const mail::Address& owner);

/// What an entry is found by: words of its name, local part and function, small letters, each once.
[[nodiscard]] std::vector<std::string> words_of(const DirectoryEntry& entry);
/// Another address of the organisation that a reader would take for this one; empty: there is none.
[[nodiscard]] std::string look_alike_of(store::Database& database, const mail::Address& address,
                                        const std::string& organisation);
/// Fills in the words of entries that an earlier version wrote; nothing where there are words. In a transaction of its
/// own; blocking, at start.
void index_words(store::Database& database);
/// The same of what their addresses look like.
void index_looks(store::Database& database);
/// Words as somebody types them, small letters.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

/// The details as one JSON object, keys in order: how they are kept and compared.
[[nodiscard]] std::string print_details(const DirectoryEntry& entry);
/// The local part of a key, last byte first.
[[nodiscard]] std::string backwards(std::string_view key);

}  // namespace postern::directory
