// The directory as other systems read it: who can be written to, and no more. CSV for spreadsheets and programs, LDIF
// (RFC 2849) for the LDAP server that is the address book of mail programs.
//
// Values and pure functions; any thread. Who is in it was decided before: active entries that are not ex-directory.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "vocabulary/directory_entry.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace postern::directory {

struct FeedEntry {
    std::string address;  ///< as the community writes to it, with the suffix
    std::string name;     ///< may be empty
    vocabulary::EntryKind kind = vocabulary::EntryKind::user;
    std::string function;                        ///< of a function; else empty
    std::string organisation;                    ///< id
    std::string organisation_name;               ///< as people read it
    std::string kind_of_body;                    ///< court, police, ...; may be empty
    std::string place;                           ///< may be empty
    std::map<std::string, std::string> details;  ///< telephone, ...
};

/// Prints a feed piece by piece, so that nobody has to hold a large one: the beginning, each entry, the end. Used by
/// one thread at a time.
class FeedPrinter {
public:
    virtual ~FeedPrinter() = default;
    [[nodiscard]] virtual std::string begin() const = 0;
    [[nodiscard]] virtual std::string print(const FeedEntry& entry) = 0;
    [[nodiscard]] virtual std::string end() const = 0;
};

/// A row for each; columns for the details that most have, and one for all others as a JSON object.
[[nodiscard]] std::unique_ptr<FeedPrinter> csv_feed();
/// {"community", "generated", "entries": [...]}
[[nodiscard]] std::unique_ptr<FeedPrinter> json_feed(std::string community, Instant generated);

/// Distinguished name of a domain's own tree (RFC 2247): "cjsm.net" is "dc=cjsm,dc=net".
[[nodiscard]] std::string base_of(std::string_view domain);

/// The container "ou=directory" below `base`, then an inetOrgPerson (RFC 2798) for each, by its address. What LDAP
/// can't hold (an address outside ASCII, a telephone with letters) is left out, or stands in the description.
[[nodiscard]] std::unique_ptr<FeedPrinter> ldif_feed(std::string base);

/// The changes, as ldapmodify reads them, that make what a server has (what ldapsearch prints of the container and all
/// below it) what the feed says; empty: it is so already. Entries are known by their address. Fault (never): a line
/// that is no LDIF, or a feed without its container, which would take everybody away.
[[nodiscard]] Result<std::string> ldif_changes(std::string_view server, std::string_view feed);

}  // namespace postern::directory
