#include "directory/administration.hpp"

#include "base/text.hpp"
#include "directory/directory_impl.hpp"
#include "directory/entry_check.hpp"
#include "directory/look_alike.hpp"
#include "directory/searching.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::directory {

namespace {

using store::Database;
using vocabulary::Role;

std::string describe(const std::vector<FieldChange>& fields)
{
    boost::json::array all;
    for (const auto& field : fields)
        all.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
    return boost::json::serialize(all);
}

/// All that is wrong with an entry, in one sentence; nothing: it may stand.
Result<void> check_entry(Database& database, const DirectoryEntry& entry, const EntryCheck& check)
{
    auto mistakes = mistakes_of(entry);
    if (const auto allowed = check(entry); !allowed) mistakes.push_back(allowed.error().describe());
    for (const auto& member : entry.members) {
        const auto address = mail::Address::parse(member.address);
        const auto there = address ? read_entry(database, address->key()) : nullptr;
        if (there && there->status == EntryStatus::removed)
            mistakes.push_back(fmt::format("the member {} was removed", member.address));
        // A group's people are its organisation's own; a list takes members of any.
        if (there && entry.kind == EntryKind::group && there->organisation != entry.organisation)
            mistakes.push_back(fmt::format("{} belongs to {}, and a group's members are its organisation's own",
                                           member.address, there->organisation));
        if (mistakes.size() >= 20) break;
    }
    if (mistakes.empty()) return {};
    return fault(Retry::never, fmt::format("{}", fmt::join(mistakes, "; "))).about(entry.address.text());
}

/// A new address that reads like another one, or mixes alphabets, is how somebody passes for somebody else.
Result<void> looks_like_nobody(Database& database, const mail::Address& address, const std::string& organisation)
{
    const auto ask = [&](std::string why) {
        return fault(Retry::never, fmt::format("{}; choose another, or say that you are sure", why))
            .about(address.text());
    };
    if (const auto why = suspicious_letters(address.local()); !why.empty()) return ask(why);
    if (const auto other = look_alike_of(database, address, organisation); !other.empty())
        return ask(fmt::format("it looks like {}", other));
    return {};
}

/// Whoever gets a freed address is not to answer for what its last holder owned.
Result<void> owns_nothing(Database& database, const mail::Address& address)
{
    const auto owned = owned_by(database, address);
    if (owned.empty()) return {};
    return fault(Retry::never,
                 fmt::format("who had this address before is still the owner of {}; give that another owner first, or "
                             "choose another address",
                             owned))
        .about(address.text());
}

Result<Edited> edit_entry(Database& database, const EntryEdit& edit)
{
    const std::string& key = edit.address.key();
    Edited edited;
    edited.now = read_standing(database, key);
    const bool stands = edited.now.entry && edited.now.entry->status != EntryStatus::removed;
    if (edit.create && stands) {
        edited.outcome = Edited::Outcome::there_already;
        return edited;
    }
    if (!edit.create && !edited.now.entry) {
        edited.outcome = Edited::Outcome::absent;
        return edited;
    }
    if (edit.version && *edit.version != edited.now.version) {
        edited.outcome = Edited::Outcome::conflict;
        return edited;
    }
    DirectoryEntry before;
    before.address = edit.address;
    DirectoryEntry after = before;
    if (!edit.create) before = after = *edited.now.entry;
    if (auto changed = edit.change(after); !changed) return std::unexpected(changed.error());
    if (edit.create && edited.now.entry)
        if (auto clear = owns_nothing(database, edit.address); !clear) return std::unexpected(clear.error());
    if (edit.create && !edit.terms.look_alikes)
        if (auto clear = looks_like_nobody(database, after.address, after.organisation); !clear)
            return std::unexpected(clear.error());
    if (auto fits = check_entry(database, after, edit.check); !fits) return std::unexpected(fits.error());
    edited.fields = changed_fields(before, after);
    if (edited.fields.empty() && !edit.create) {
        edited.outcome = Edited::Outcome::unchanged;
        return edited;
    }
    if (stands) edited.before = edited.now.entry;
    write_entry(database, after, edit.audit.actor, edit.audit.at, edit.terms.non_secure_rests);
    database.run("INSERT INTO edits(key) VALUES(?)", key);
    AuditRecord record = edit.audit;
    record.target = after.address.text();
    record.organisation = after.organisation;
    record.outcome = "done";
    record.detail = describe(edited.fields);
    append_audit(database, std::move(record));
    edited.now = read_standing(database, key);
    return edited;
}

std::vector<Grant> read_grants(Database& database, const std::string& key)
{
    std::vector<Grant> grants;
    auto rows = key.empty() ? database.query("SELECT key, role, organisation, at, by FROM grants ORDER BY key, role")
                            : database.query("SELECT key, role, organisation, at, by FROM grants WHERE key = ?", key);
    while (rows.next())
        if (const auto role = vocabulary::role_named(rows.text(1)))
            grants.push_back({rows.string(0), *role, rows.string(2), rows.instant(3), rows.string(4)});
    return grants;
}

}  // namespace

Administration::Async<Result<Administration::Found>> Administration::list(EntryFilter filter)
{
    std::function<Result<Found>(Database&)> work = [filter = std::move(filter)](Database& database) {
        const OneView view(database);
        return Result<Found>(search_entries(database, filter));
    };
    co_return co_await impl_.lookups->run<Found>(std::move(work));
}

Administration::Async<Result<StandingEntry>> Administration::get(mail::Address address)
{
    std::function<Result<StandingEntry>(Database&)> work = [key = address.key()](Database& database) {
        const OneView view(database);
        return Result<StandingEntry>(read_standing(database, key));
    };
    co_return co_await impl_.lookups->run<StandingEntry>(std::move(work));
}

Administration::Async<Result<std::vector<DirectoryEntry>>> Administration::all(std::vector<std::string> organisations)
{
    using Entries = std::vector<DirectoryEntry>;
    std::function<Result<Entries>(Database&)> work = [organisations](Database& database) {
        const OneView view(database);
        auto wanted = organisations;
        if (wanted.empty()) {
            auto rows = database.query("SELECT DISTINCT organisation FROM entries ORDER BY organisation");
            while (rows.next()) wanted.push_back(rows.string(0));
        }
        Entries entries;
        for (const auto& organisation : wanted) {
            const auto begin = static_cast<std::ptrdiff_t>(entries.size());
            read_organisation(database, organisation,
                              [&](DirectoryEntry entry) { entries.push_back(std::move(entry)); });
            std::sort(entries.begin() + begin, entries.end(),
                      [](const auto& a, const auto& b) { return a.address.key() < b.address.key(); });
        }
        return Result<Entries>(std::move(entries));
    };
    co_return co_await impl_.overview->run<Entries>(std::move(work));
}

Administration::Async<Result<std::string>> Administration::walk(std::string organisation, std::string after,
                                                                std::size_t at_most,
                                                                std::function<void(const DirectoryEntry&)> look)
{
    std::function<Result<std::string>(Database&)> work = [&](Database& database) {
        return Result<std::string>(read_listed(database, organisation, after, at_most, look));
    };
    co_return co_await impl_.overview->run<std::string>(std::move(work));
}

Administration::Async<Result<Edited>> Administration::edit(EntryEdit edit)
{
    const auto shared = std::make_shared<const EntryEdit>(std::move(edit));
    std::function<Result<Edited>(Database&)> work = [impl = &impl_, shared](Database& database) {
        auto edited = edit_entry(database, *shared);
        if (edited && edited->outcome == Edited::Outcome::done)
            database.after_commit([impl] { impl->entries_changed(); });
        return edited;
    };
    co_return co_await impl_.writer->run<Edited>(std::move(work));
}

Administration::Async<Result<std::vector<Grant>>> Administration::grants_of(std::string key)
{
    using Grants = std::vector<Grant>;
    std::function<Result<Grants>(Database&)> work = [key = std::move(key)](Database& database) {
        return Result<Grants>(key.empty() ? Grants{} : read_grants(database, key));
    };
    co_return co_await impl_.lookups->run<Grants>(std::move(work));
}

Administration::Async<Result<std::vector<Grant>>> Administration::all_grants()
{
    using Grants = std::vector<Grant>;
    std::function<Result<Grants>(Database&)> work = [](Database& database) {
        return Result<Grants>(read_grants(database, {}));
    };
    co_return co_await impl_.lookups->run<Grants>(std::move(work));
}

Administration::Async<Result<bool>> Administration::grant(Grant grant, AuditRecord audit)
{
    std::function<Result<bool>(Database&)> work = [grant, audit](Database& database) {
        const auto standing = read_standing(database, grant.key);
        if (!standing.entry || standing.entry->kind != EntryKind::user ||
            standing.entry->status == EntryStatus::removed)
            return Result<bool>(fault(Retry::never, "roles are held by users of the directory, and this is none"));
        const bool fresh =
            database.run("INSERT OR IGNORE INTO grants(key, role, organisation, at, by) VALUES(?, ?, ?, ?, ?)",
                         grant.key, vocabulary::name_of(grant.role), grant.organisation, grant.at, grant.by) > 0;
        if (fresh) append_audit(database, audit);
        return Result<bool>(fresh);
    };
    co_return co_await impl_.writer->run<bool>(std::move(work));
}

Administration::Async<Result<bool>> Administration::revoke(Grant grant, AuditRecord audit)
{
    std::function<Result<bool>(Database&)> work = [grant, audit](Database& database) {
        const bool gone = database.run("DELETE FROM grants WHERE key = ? AND role = ? AND organisation = ?", grant.key,
                                       vocabulary::name_of(grant.role), grant.organisation) > 0;
        if (gone) append_audit(database, audit);
        return Result<bool>(gone);
    };
    co_return co_await impl_.writer->run<bool>(std::move(work));
}

Administration::Async<Result<std::map<std::string, TaskDone>>> Administration::tasks_of(std::string organisation)
{
    using Tasks = std::map<std::string, TaskDone>;
    std::function<Result<Tasks>(Database&)> work = [organisation = std::move(organisation)](Database& database) {
        Tasks tasks;
        auto rows = database.query("SELECT task, done, by FROM tasks WHERE organisation = ?", organisation);
        while (rows.next()) tasks[rows.string(0)] = {rows.instant(1), rows.string(2)};
        return Result<Tasks>(std::move(tasks));
    };
    co_return co_await impl_.lookups->run<Tasks>(std::move(work));
}

Administration::Async<Result<void>> Administration::task_done(std::string organisation, std::string task,
                                                              AuditRecord audit)
{
    std::function<Result<void>(Database&)> work = [organisation, task, audit](Database& database) {
        database.run("INSERT OR REPLACE INTO tasks(organisation, task, done, by) VALUES(?, ?, ?, ?)", organisation,
                     task, audit.at, audit.actor);
        append_audit(database, audit);
        return Result<void>();
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

Administration::Async<Result<void>> Administration::note(AuditRecord record)
{
    std::function<Result<void>(Database&)> work = [record = std::move(record)](Database& database) {
        append_audit(database, record);
        return Result<void>();
    };
    co_return co_await impl_.writer->run<void>(std::move(work));
}

Administration::Async<Result<std::vector<AuditRecord>>> Administration::search(AuditFilter filter)
{
    using Records = std::vector<AuditRecord>;
    std::function<Result<Records>(Database&)> work = [filter = std::move(filter)](Database& database) {
        return Result<Records>(search_audit(database, filter));
    };
    co_return co_await impl_.overview->run<Records>(std::move(work));
}

Administration::Async<Result<std::string>> Administration::export_all(std::string node)
{
    std::function<Result<std::string>(Database&)> work = [node = std::move(node)](Database& database) {
        const OneView view(database);
        return Result<std::string>(export_audit(database, node));
    };
    co_return co_await impl_.overview->run<std::string>(std::move(work));
}

Administration::Async<Result<AuditRecord>> Administration::last_record()
{
    std::function<Result<AuditRecord>(Database&)> work = [](Database& database) {
        const OneView view(database);
        return Result<AuditRecord>(last_audit(database));
    };
    co_return co_await impl_.lookups->run<AuditRecord>(std::move(work));
}

Administration::Async<Result<std::size_t>> Administration::purge(Instant until)
{
    constexpr std::size_t step = 2000;
    std::size_t all = 0;
    for (;;) {
        std::function<Result<std::size_t>(Database&)> work = [until](Database& database) {
            return Result<std::size_t>(purge_audit(database, until, step));
        };
        auto gone = co_await impl_.writer->run<std::size_t>(std::move(work));
        if (!gone) co_return std::unexpected(gone.error());
        all += *gone;
        if (*gone < step) co_return all;
    }
}

}  // namespace postern::directory
