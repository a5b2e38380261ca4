// Makes a backup of a running gateway: databases as of one moment each, the contents that they name, keys, and the
// policy's directory with all that lies in it.
//
// Blocking; on a thread of its own, one at a time. Mail flows on: no writer waits for a copy, and bodies of what is
// delivered meanwhile are kept until they are in. directory.db is copied right behind mail.db, some milliseconds later.
// The policy's own files are those of the generation that stood in that moment, whatever is being edited in the
// directory; the rest of the directory (certificates, keys, directory.yaml) is taken as it lies there. Links are
// followed; one that leads up is refused by its name. Backups that lie there are no part of a backup.
#pragma once

#include "backup/archive.hpp"
#include "policy/files.hpp"
#include "store/mail_store.hpp"

#include <functional>

namespace postern::backup {

struct MakeOrder {
    std::filesystem::path policy;    ///< its directory
    std::filesystem::path storage;   ///< storage: directory
    std::vector<std::string> named;  ///< files that the policy names, absolute; those that lie elsewhere are taken too
    std::vector<std::string> keys;   ///< public halves
    std::string gateway;
    Instant at{};
    /// Files of a generation, from the archive; a fault (never): it has none, and those in the directory are taken.
    std::function<Result<policy::FileSet>(std::uint64_t generation)> files_of;
};

/// Name of a backup's file: "postern-mx.cjsm.net-20261123T163702Z.backup".
[[nodiscard]] std::string file_name(const std::string& gateway, Instant at);
inline constexpr std::string_view file_ending = ".backup";

struct Made {
    About about;
    std::uint64_t size = 0;  ///< bytes of the file
};
/// Writes `to` whole or not at all, and reads it back. Fault (later): no room, a file that can't be read.
[[nodiscard]] Result<Made> make_backup(store::MailStore& store, const directory::AuditKey& signer,
                                       const MakeOrder& order, const std::filesystem::path& to);

}  // namespace postern::backup
