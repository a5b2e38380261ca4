// directory.db: who can be written to. The only place with SQL about people and desks.
//
// Made by main(), shared by all threads; every call is thread-safe. Awaitable calls complete on the caller's
// executor; SQLite runs on the store's threads. Look-ups have three answers: found, absent, unavailable; the last is
// a Fault::later whose peer text is "The directory is not available", so an outage defers and never accepts.
// Answers are kept in memory, bounded, and an import that was applied is seen by every look-up that begins after it.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "directory/import.hpp"
#include "mail/address.hpp"
#include "ports/people.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::directory {

struct DirectoryOptions {
    std::filesystem::path file;           ///< ".../directory.db"; created if missing, 0600; its folder must exist
    std::size_t cached_entries = 50'000;  ///< found addresses kept in memory
    std::size_t cached_absent = 20'000;   ///< absent ones
    std::size_t cached_answers = 50'000;  ///< remembered answers of members' servers
};

/// What the directory holds, for status.
struct Counts {
    std::uint64_t entries = 0;  ///< all, removed ones included
    std::uint64_t invited = 0, active = 0, suspended = 0, removed = 0;
    std::uint64_t users = 0, functions = 0, groups = 0, lists = 0;
    std::uint64_t organisations = 0;  ///< that have entries
    std::uint64_t remembered = 0;     ///< answers of members' servers
    std::optional<Instant> last_import;
    std::string last_import_by;
};

class Administration;
class Logins;

class Directory final : public ports::People {
public:
    /// Opens or creates, migrates. Blocking; call at start. Fault: no permission, corruption, a schema newer than
    /// this program; each says what to do.
    [[nodiscard]] static Result<std::unique_ptr<Directory>> open(DirectoryOptions options);
    ~Directory() override;

    /// What memory knows about an address's key, without suspension: nothing; or the entry; or a null pointer for an
    /// address that is known to be absent. Cheap enough for each RCPT; find() asks it first by itself.
    [[nodiscard]] std::optional<DirectoryEntryPtr> cached(std::string_view key);

    /// The entry of an address in the member's own (outside) form, of any status; null: absent. The caller judges
    /// the status. Fault::later 4.3.0: unavailable.
    [[nodiscard]] Async<Result<DirectoryEntryPtr>> find(mail::Address address) override;

    /// Questions of some hundreds each to the database for all that memory does not know; each answer is of one state.
    [[nodiscard]] Async<Result<std::vector<DirectoryEntryPtr>>> find_all(std::vector<mail::Address> addresses) override;

    /// "Did you mean": at most `at_most` addresses (as written) of that organisation like this one, nearest first.
    /// Only active entries that are not ex-directory. Compares with 2,000 entries at most, those next to it in
    /// alphabetical order from either end of the local part.
    [[nodiscard]] Async<Result<std::vector<std::string>>> similar(mail::Address address, std::string organisation,
                                                                  std::size_t at_most) override;

    // --- what members' servers said about their own addresses (users: ask) -----------------------------------------
    /// Keeps an answer until `until`; `now` decides which old ones are purged on the way.
    [[nodiscard]] Async<Result<void>> remember(mail::Address address, bool exists, Instant until, Instant now) override;
    /// The answer kept for an address, if it has not lapsed.
    [[nodiscard]] Async<Result<std::optional<bool>>> recalled(mail::Address address, Instant now) override;

    // --- import ----------------------------------------------------------------------------------------------------
    /// What apply() would do; writes nothing.
    [[nodiscard]] Async<Result<Difference>> plan(ImportDocument document, EntryCheck check, EntryTerms terms = {});
    /// Makes the entries of the organisations named in the document exactly what it says, all or nothing; entries
    /// that it leaves out become "removed". With problems nothing is written. `actor` and `at` go on record.
    [[nodiscard]] Async<Result<Difference>> apply(ImportDocument document, EntryCheck check, std::string actor,
                                                  Instant at, EntryTerms terms = {});

    [[nodiscard]] Async<Result<Counts>> counts();
    /// Everybody and every desk that mail passes for, groups and lists left out: for what concerns all of them.
    [[nodiscard]] Async<Result<std::vector<DirectoryEntry>>> active();
    /// How far the import that is under way has come.
    [[nodiscard]] Progress::Seen import_progress() const;

    /// Everything that people do to single entries, and who may, and the audit.
    [[nodiscard]] Administration& administration() noexcept;
    /// Passwords, second factors, resets, cases.
    [[nodiscard]] Logins& logins() noexcept;

    struct Impl;

private:
    explicit Directory(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace postern::directory
