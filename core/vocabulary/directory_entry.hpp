// Who can be written to: one entry of the community's directory, and the document that an administrator imports.
//
// Values without I/O. policy/directory_file reads a document from YAML, directory/ keeps the entries.
#pragma once

#include "mail/address.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::vocabulary {

/// user: a person. function: a desk with a function name and an owner. group: a mailbox that several people use.
enum class EntryKind { user, function, group };
/// Mail passes only for active entries. removed: the address existed once; kept so that senders can be told.
enum class EntryStatus { invited, active, suspended, removed };

[[nodiscard]] std::string_view name_of(EntryKind kind) noexcept;
[[nodiscard]] std::string_view name_of(EntryStatus status) noexcept;
[[nodiscard]] std::optional<EntryKind> entry_kind_named(std::string_view name) noexcept;
[[nodiscard]] std::optional<EntryStatus> entry_status_named(std::string_view name) noexcept;

/// One address of a member. Its address is in the member's own (outside) form, eric.brown@greenstonechambers.co.uk,
/// or directly at the suffix for a mailbox user there; address.key() is what it is found by.
struct DirectoryEntry {
    mail::Address address;
    std::string organisation;  ///< id of the organisation it belongs to
    EntryKind kind = EntryKind::user;
    EntryStatus status = EntryStatus::active;
    std::string name;           ///< as shown in the directory; may be empty
    std::string function;       ///< of a function: "custody"; else empty
    std::string owner;          ///< address of who answers for a function or a group; empty for a user
    std::string moved_to;       ///< told to whoever writes to a removed entry; may be empty
    bool ex_directory = false;  ///< reachable, but never shown or suggested to anybody but administrators
    std::map<std::string, std::string> details;  ///< telephone, place, ...: free names and texts

    friend bool operator==(const DirectoryEntry&, const DirectoryEntry&) = default;
};

using DirectoryEntryPtr = std::shared_ptr<const DirectoryEntry>;

/// An entry as declared in a file, with the place to show when it is wrong.
struct ImportEntry {
    DirectoryEntry entry;
    std::size_t line = 0;  ///< from 1
};

/// All that one organisation's directory is to be.
struct ImportOrganisation {
    std::string id;
    std::size_t line = 0;
    std::vector<ImportEntry> entries;
};

/// A whole import: organisations that are not named in it stay as they are.
struct ImportDocument {
    std::string file;  ///< for messages and the record of imports
    std::vector<ImportOrganisation> organisations;
};

}  // namespace postern::vocabulary
