// A directory.db that no engine uses: a copy in a backup, or one that is about to be put back.
//
// Blocking; any thread.
#pragma once

#include "base/fault.hpp"
#include "directory/audit_chain.hpp"

#include <cstdint>
#include <filesystem>

namespace postern::directory {

struct DirectoryFacts {
    std::uint64_t entries = 0;  ///< of any status
    std::uint64_t audit = 0;    ///< number of the audit's last record
    int schema = 0;
};
[[nodiscard]] Result<DirectoryFacts> look_into_directory(const std::filesystem::path& file);

/// Brings the file to this program's schema and adds a record behind the last of its audit. Fault (later): its schema
/// is newer, or it is damaged.
[[nodiscard]] Result<void> continue_audit(const std::filesystem::path& file, AuditRecord record);

}  // namespace postern::directory
