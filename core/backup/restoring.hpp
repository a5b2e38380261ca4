// Puts a backup back: first all of it is read, checked and laid beside what is there; only then does it take its place.
//
// The two steps survive a crash. stage() leaves what is in force alone, and refuses what would not start again: a
// backup that somebody else signed, a policy that has errors, one whose certificates are not there, one that keeps its
// mail elsewhere. prepare_to_finish() marks the policy's directory; from then on finish() makes the gateway what the
// backup says, and may be interrupted and called again until it has removed the mark: `posternd` does so at each start,
// before it reads anything. What was there before is moved aside, never deleted. Blocking; no engine may run on the
// storage (finish() takes its lock).
#pragma once

#include "backup/archive.hpp"
#include "policy/snapshot.hpp"

#include <optional>

namespace postern::backup {

struct RestoreOrder {
    std::filesystem::path policy;   ///< its directory: need not be there
    std::filesystem::path storage;  ///< empty: as the backup says
    bool names_storage = false;  ///< the restored node.yaml is made to name it; else one that names another is refused
    bool stopped = true;         ///< no engine may run there; false: the running one asks, and ends afterwards
    bool replace = false;        ///< even where mail lies in the storage; it is moved aside
    std::string signer;          ///< PEM: whose backup it must be; empty: that of this storage, by its audit.key
    bool any_signer = false;     ///< whoever signed it
    policy::SnapshotPtr keeps_network;  ///< a policy with another network than this one's is refused; may be null
    std::string actor;                  ///< for the audit
    Instant at{};
};

/// What was laid ready, and where.
struct Staged {
    ReadArchive archive;
    std::filesystem::path storage;     ///< where it will lie
    std::string aside;                 ///< folder below it, for what lay there before
    std::vector<std::string> outside;  ///< files that lay neither in the policy's directory nor in the storage
};

/// Reads the backup whole, checks its signer, its databases and its policy, adds "restored" to its audit. Fault
/// (never): the backup is not fit, the storage holds mail and `replace` was not said, or a restore is laid ready
/// already; nothing has changed.
[[nodiscard]] Result<Staged> stage(const std::filesystem::path& archive, const SessionKey& key,
                                   const RestoreOrder& order);
/// From here on a start finishes it.
[[nodiscard]] Result<void> prepare_to_finish(const Staged& staged, const std::filesystem::path& policy);

/// Where what was there before lies now.
struct Finished {
    std::filesystem::path aside;       ///< empty: there was nothing
    std::vector<std::string> outside;  ///< files to be put where node.yaml says, by hand; they lie in `outside_folder`
};
/// Nothing: there was nothing to finish. Fault (later): an engine runs, or a file can't be moved; call it again. Fault
/// (never): what was laid ready is gone, and nothing has changed.
[[nodiscard]] Result<std::optional<Finished>> finish(const std::filesystem::path& policy);

/// Where outside files are put, below the policy's directory.
inline constexpr std::string_view outside_folder = "restored-from-elsewhere";

}  // namespace postern::backup
