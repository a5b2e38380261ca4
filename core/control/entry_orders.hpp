// Orders about one entry, from JSON: what they change, and which acts that asks for. Pure; any thread.
#pragma once

#include "base/fault.hpp"
#include "policy/snapshot.hpp"
#include "vocabulary/acts.hpp"
#include "vocabulary/directory_entry.hpp"

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace postern::control {

struct EntryOrder {
    std::string address;
    bool create = false;
    std::optional<std::uint64_t> version;
    std::string reason;
    std::optional<vocabulary::EntryKind> kind;  ///< for `create`
    std::string organisation;                   ///< for `create`; empty: whose domain it is
    std::optional<vocabulary::EntryStatus> status;
    bool sure = false;         ///< was told that the address looks like another
    bool sets_fields = false;  ///< anything in "set"
    bool sets_office = false;  ///< of "set": what only an administrator may: owner, function, moved_to, ex_directory
    bool sets_membership = false;  ///< members, senders
    /// Makes the changes. Fault (never): they are not fit for this kind of entry.
    std::function<Result<void>(vocabulary::DirectoryEntry&)> change;
};

/// Fault (never): it is no such order; names the field.
[[nodiscard]] Result<EntryOrder> entry_order(const std::string& body, policy::SnapshotPtr policy);
/// What has to be allowed for it, on an entry of that kind.
[[nodiscard]] std::vector<vocabulary::Act> acts_of(const EntryOrder& order, vocabulary::EntryKind kind);

}  // namespace postern::control
