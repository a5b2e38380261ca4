// Who can be written to: one entry of the community's directory, and the document that an administrator imports.
//
// Values without I/O. policy/directory_file reads a document from YAML, directory/ keeps the entries.
#pragma once

#include "base/clock.hpp"
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
/// list: an address whose mail goes to each of its members.
enum class EntryKind { user, function, group, list };
/// Who may write to a list: its members, its organisation, everybody in the community, or those who are named.
enum class ListSenders { members, organisation, community, named };
/// Mail passes only for active entries. removed: the address existed once; kept so that senders can be told.
enum class EntryStatus { invited, active, suspended, removed };

[[nodiscard]] std::string_view name_of(EntryKind kind) noexcept;
[[nodiscard]] std::string_view name_of(EntryStatus status) noexcept;
[[nodiscard]] std::optional<EntryKind> entry_kind_named(std::string_view name) noexcept;
[[nodiscard]] std::optional<EntryStatus> entry_status_named(std::string_view name) noexcept;
[[nodiscard]] std::string_view name_of(ListSenders senders) noexcept;
[[nodiscard]] std::optional<ListSenders> list_senders_named(std::string_view name) noexcept;

/// One who uses a group, with what they may do there; or a member of a list, for whom the three mean nothing.
struct EntryMember {
    std::string address;  ///< as written, in the same form as DirectoryEntry::address
    bool read = false;    ///< view and open its messages
    bool write = false;   ///< move or copy messages into it
    bool mail = false;    ///< send as the group
    friend bool operator==(const EntryMember&, const EntryMember&) = default;
};

/// Until its owner has confirmed a new non-secure address, and a changed one has rested, the one before it counts. No
/// part of what an entry declares: entries that differ in it alone are equal.
struct NonSecureHistory {
    Instant since{};        ///< of the last change; zero: it stood from the beginning
    std::string before;     ///< what counted when it was changed; may be empty
    bool confirmed = true;  ///< its owner, logged in, told the code that was mailed there
    friend bool operator==(const NonSecureHistory&, const NonSecureHistory&) { return true; }
};

/// One address of a member. Its address is in the member's own (outside) form, eric.brown@greenstonechambers.co.uk,
/// or directly at the suffix for a mailbox user there; address.key() is what it is found by.
struct DirectoryEntry {
    mail::Address address;
    std::string organisation;  ///< id of the organisation it belongs to
    EntryKind kind = EntryKind::user;
    EntryStatus status = EntryStatus::active;
    std::string name;           ///< as shown in the directory; may be empty
    std::string function;       ///< of a function: "custody"; else empty
    std::string owner;          ///< address of who answers for a function, group or list; empty for a user
    std::string moved_to;       ///< told to whoever writes to a removed entry; may be empty
    bool ex_directory = false;  ///< reachable, but never shown or suggested to anybody but administrators
    std::map<std::string, std::string> details;    ///< telephone, place, ...: free names and texts
    std::string non_secure;                        ///< address outside the community, for alerts without content
    std::vector<EntryMember> members;              ///< of a group or a list, by address
    ListSenders senders = ListSenders::community;  ///< of a list
    std::vector<std::string> named_senders;        ///< addresses, where `senders` is named
    NonSecureHistory non_secure_history{};         ///< how long non_secure has stood

    /// The address outside that counts at that time, where a changed one rests so long; empty: none.
    [[nodiscard]] const std::string& non_secure_at(Instant at, Duration rests) const noexcept
    {
        const bool rested = at >= non_secure_history.since + rests;
        return non_secure_history.confirmed && rested ? non_secure : non_secure_history.before;
    }

    friend bool operator==(const DirectoryEntry&, const DirectoryEntry&) = default;
};

using DirectoryEntryPtr = std::shared_ptr<const DirectoryEntry>;

/// An entry as declared in a file, with the place to show when it is wrong.
struct ImportEntry {
    DirectoryEntry entry;
    std::size_t line = 0;  ///< from 1
    /// A login that is brought along from another service: a hash of the password, as argon2 prints it, and the user
    /// name (made up where empty). Empty: none.
    std::string password_hash{}, user_name{};
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
