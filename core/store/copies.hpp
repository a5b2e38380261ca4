// Copies of databases as of one moment, made while their engine writes on, and what is in them.
//
// Blocking; any thread. No writer waits for a copy: it reads its own snapshot of the write-ahead log. What was deleted
// is not in a copy, since only rows are carried over (VACUUM INTO).
#pragma once

#include "base/fault.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace postern::store {

/// `to` must not be there. Fault (later): no room, or `from` is damaged; nothing is left behind.
[[nodiscard]] Result<void> copy_database(const std::filesystem::path& from, const std::filesystem::path& to);

/// Whether every page of the database is sound. Fault (never) says what is not.
[[nodiscard]] Result<void> check_database(const std::filesystem::path& file);

/// What a copy of mail.db holds.
struct MailFacts {
    std::uint64_t messages = 0;    ///< of the ledger
    std::uint64_t spooled = 0;     ///< of these, with something left to deliver
    std::uint64_t deliveries = 0;  ///< that wait, are held or in quarantine
    std::uint64_t generation = 0;  ///< the newest of the archive that stood, and not only on trial
    int schema = 0;
};
/// `body` is called with the id of each message whose content is a file; a fault of it ends the walk.
[[nodiscard]] Result<MailFacts> look_into_mail(const std::filesystem::path& file,
                                               const std::function<Result<void>(const std::string& id)>& body);

}  // namespace postern::store
