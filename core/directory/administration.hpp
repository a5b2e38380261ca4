// What administrators and people do to single entries: find, add, change, many at once; roles; and the audit, to which
// every change is added in its own transaction.
//
// Part of Directory, which makes it and outlives its calls; thread-safe; completes on the caller's executor. Whether
// the caller may is asked before, of policy/powers.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "directory/audit.hpp"
#include "directory/directory.hpp"
#include "directory/logins.hpp"
#include "directory/reminders.hpp"
#include "directory/rows.hpp"
#include "vocabulary/acts.hpp"

#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace postern::directory {

struct EntryFilter {
    /// Beginnings of words of name, local part, function or domain, or of an organisation that is `meant`: all of them
    /// must hold; empty: all entries.
    std::string like{};
    std::string organisation{};
    std::optional<EntryKind> kind{};
    std::optional<EntryStatus> status{};
    bool hidden = false;  ///< also those that are ex-directory, invited, suspended or removed
    std::size_t limit = 50;
    /// For each word of `like` in order, the organisations that it means too: by id, name, place or kind.
    std::vector<std::set<std::string>> meant{};
};

/// One change of one entry.
struct EntryEdit {
    mail::Address address;
    bool create = false;                   ///< it must not be there yet (or be removed); else it must
    std::optional<std::uint64_t> version;  ///< as the caller saw it: another is a conflict
    /// Makes the new entry of the old one (of an empty one for `create`); may be called twice. A fault (never) refuses.
    std::function<Result<void>(DirectoryEntry&)> change;
    EntryCheck check;
    EntryTerms terms{};
    AuditRecord audit;  ///< at, actor and act; the rest is filled in
};

struct Edited {
    enum class Outcome { done, unchanged, conflict, absent, there_already } outcome = Outcome::done;
    StandingEntry now;         ///< as it stands after all
    DirectoryEntryPtr before;  ///< as it stood; null: it was made
    std::vector<FieldChange> fields;
};

/// A person as a bulk add brings them: everything else is generated.
struct NewPerson {
    std::size_t line = 0;
    std::string name;
    std::string non_secure;
    std::map<std::string, std::string> details;
};

struct BulkOrder {
    std::string organisation;
    mail::Domain domain;  ///< of their addresses
    std::vector<NewPerson> people;
    Instant valid_until{};  ///< of the one-time passwords
    bool dry_run = false;
    EntryCheck check;
    AuditRecord audit;  ///< at, actor and act
};

/// One who was added, with what their letter says. The password is kept nowhere else.
struct Invited {
    std::string name, address, user_name, one_time_password;
};

struct BulkResult {
    std::vector<Invited> invited;         ///< without passwords for a dry run
    std::vector<ImportProblem> problems;  ///< not empty: nobody was added
};
inline constexpr std::size_t most_at_once = 500;

/// A role that a person of the directory was given.
struct Grant {
    std::string key;
    vocabulary::Role role = vocabulary::Role::user;
    std::string organisation;  ///< for roles of an organisation
    Instant at{};
    std::string by;
};

/// A yearly task of an organisation.
struct TaskDone {
    Instant at{};
    std::string by;
};

/// A group or list that somebody is a member of.
struct Membership {
    std::string address, kind;
    bool read = false, write = false, mail = false;
};

/// All that is kept about one person, but for secrets and for their mail.
struct PersonKept {
    StandingEntry standing;
    std::vector<Membership> memberships;
    std::vector<std::string> questions;  ///< of the facts by which the helpdesk knows them
    std::optional<Instant> last_active;
    std::vector<Case> cases;
    std::vector<AuditRecord> audit;  ///< what they did, and what was done to them
};

/// How much there is of the audit.
struct AuditAge {
    std::uint64_t records = 0;
    std::optional<Instant> oldest;
    std::uint64_t over = 0;  ///< from before a time
};

class Administration {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;
    using Found = std::vector<StandingEntry>;

    [[nodiscard]] Async<Result<Found>> list(EntryFilter filter);
    /// Null entry: absent.
    [[nodiscard]] Async<Result<StandingEntry>> get(mail::Address address);
    /// Every entry of these organisations, or of all where none is named, by organisation and address.
    [[nodiscard]] Async<Result<std::vector<DirectoryEntry>>> all(std::vector<std::string> organisations);
    /// Fault (never): the change is not fit, with all that is wrong.
    [[nodiscard]] Async<Result<Edited>> edit(EntryEdit edit);
    /// The next active entries that are not ex-directory after the one with the key `after`, by key, without members;
    /// of all organisations where none is named. `look` sees each on a thread of the directory. The key of the last of
    /// them; empty: there are no more.
    [[nodiscard]] Async<Result<std::string>> walk(std::string organisation, std::string after, std::size_t at_most,
                                                  std::function<void(const DirectoryEntry&)> look);
    /// At most `most_at_once` people, all or none. Addresses are first.last@domain, numbered where one is taken.
    [[nodiscard]] Async<Result<BulkResult>> bulk_add(BulkOrder order);

    [[nodiscard]] Async<Result<std::vector<Grant>>> grants_of(std::string key);
    [[nodiscard]] Async<Result<std::vector<Grant>>> all_grants();
    /// False: it was so already.
    [[nodiscard]] Async<Result<bool>> grant(Grant grant, AuditRecord audit);
    [[nodiscard]] Async<Result<bool>> revoke(Grant grant, AuditRecord audit);

    /// By the name of the task; those never done are not among them.
    [[nodiscard]] Async<Result<std::map<std::string, TaskDone>>> tasks_of(std::string organisation);
    [[nodiscard]] Async<Result<void>> task_done(std::string organisation, std::string task, AuditRecord audit);

    /// Of every organisation, by its id.
    [[nodiscard]] Async<Result<std::map<std::string, std::map<std::string, TaskDone>>>> all_tasks();
    /// `duties`: all that there are. Those of which an organisation is to be reminded now, at most so many; each once.
    [[nodiscard]] Async<Result<std::vector<Reminder>>> remind(std::vector<Duty> duties, ReminderTimes times,
                                                              Instant now, std::size_t at_most);
    /// Gives memory that was freed back to the system, after an import took hundreds of MiB for a while.
    [[nodiscard]] Async<void> give_memory_back();
    /// Whether something is due that is done once in that time; then its turn is taken.
    [[nodiscard]] Async<Result<bool>> take_turn(std::string what, Duration every, Instant now);

    [[nodiscard]] Async<Result<PersonKept>> kept_about(mail::Address address);
    /// Deletes what is kept about a person whose entry was removed; the address stays known as one that was, and the
    /// audit as it is until its time. False: there is no such entry. Fault (never): it was not removed.
    [[nodiscard]] Async<Result<bool>> forget(mail::Address address, AuditRecord audit);

    [[nodiscard]] Async<Result<void>> note(AuditRecord record);
    [[nodiscard]] Async<Result<std::vector<AuditRecord>>> search(AuditFilter filter);
    [[nodiscard]] Async<Result<std::string>> export_all(std::string node);
    [[nodiscard]] Async<Result<AuditRecord>> last_record();
    /// `until`: counts those from before.
    [[nodiscard]] Async<Result<AuditAge>> audit_age(std::optional<Instant> until);
    /// Takes away the oldest records, in steps. Number of records.
    [[nodiscard]] Async<Result<std::size_t>> purge(Instant until);

private:
    friend class Directory;
    explicit Administration(Directory::Impl& impl) : impl_(impl) {}
    Directory::Impl& impl_;
};

}  // namespace postern::directory
