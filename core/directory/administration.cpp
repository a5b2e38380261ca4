#include "directory/administration.hpp"

#include "base/text.hpp"
#include "directory/directory_impl.hpp"
#include "directory/entry_check.hpp"
#include "directory/passwords.hpp"
#include "directory/searching.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <set>

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
    if (auto fits = check_entry(database, after, edit.check); !fits) return std::unexpected(fits.error());
    edited.fields = changed_fields(before, after);
    if (edited.fields.empty() && !edit.create) {
        edited.outcome = Edited::Outcome::unchanged;
        return edited;
    }
    write_entry(database, after, edit.audit.actor, edit.audit.at);
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

// --- many at once ----------------------------------------------------------------------------------------------------

/// "Éric O'Brown" -> "eric.obrown": letters and digits of ASCII; accents of Latin letters are taken off.
std::string local_part_of(std::string_view name)
{
    static constexpr std::pair<std::string_view, std::string_view> plain[] = {
        {"àáâãäåÀÁÂÃÄÅ", "a"}, {"èéêëÈÉÊË", "e"}, {"ìíîïÌÍÎÏ", "i"},
        {"òóôõöøÒÓÔÕÖØ", "o"}, {"ùúûüÙÚÛÜ", "u"}, {"ýÿÝ", "y"},
        {"çÇ", "c"},           {"ñÑ", "n"},       {"ß", "s"}};
    std::string local;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            local += ascii_lower(c);
        } else if (c == ' ' || c == '.' || c == '-' || c == '_') {
            if (!local.empty() && local.back() != '.') local += '.';
        } else if (static_cast<unsigned char>(c) >= 0xC0 && i + 1 < name.size()) {
            for (const auto& [letters, letter] : plain)
                if (letters.find(name.substr(i, 2)) != std::string_view::npos) local += letter;
        }
    }
    while (!local.empty() && local.back() == '.') local.pop_back();
    constexpr std::size_t longest = 40;
    if (local.size() > longest) local.resize(longest);
    return local;
}

class BulkAdd {
public:
    BulkAdd(Database& database, const BulkOrder& order) : database_(database), order_(order) {}

    BulkResult prepare()
    {
        if (order_.people.size() > most_at_once)
            problem(0, fmt::format("{} people; at most {} at a time", order_.people.size(), most_at_once));
        std::set<std::string> names;
        for (const auto& person : order_.people) {
            if (!names.insert(to_lower(person.name)).second)
                problem(person.line, fmt::format("{} stands twice; two people of one name are added one by one",
                                                 printable(person.name, 80)));
            invite(person);
        }
        return std::move(result_);
    }

    std::vector<DirectoryEntry>& entries() noexcept { return entries_; }

private:
    void problem(std::size_t line, std::string what) { result_.problems.push_back({line, std::move(what)}); }

    void invite(const NewPerson& person)
    {
        const auto local = local_part_of(person.name);
        if (local.empty())
            return problem(person.line, fmt::format("\"{}\" gives no user name; write it in Latin letters, or add this "
                                                    "one by hand",
                                                    printable(person.name, 80)));
        const auto address = free_address(local);
        if (!address) return problem(person.line, fmt::format("no address is free for {}", printable(person.name, 80)));
        DirectoryEntry entry;
        entry.address = *address;
        entry.organisation = order_.organisation;
        entry.status = EntryStatus::invited;
        entry.name = person.name;
        entry.non_secure = person.non_secure;
        entry.details = person.details;
        auto mistakes = mistakes_of(entry);
        if (const auto allowed = order_.check(entry); !allowed) mistakes.push_back(allowed.error().describe());
        for (const auto& mistake : mistakes) problem(person.line, fmt::format("{}: {}", entry.address.text(), mistake));
        result_.invited.push_back({person.name, entry.address.text(), free_user_name(entry.address), {}});
        entries_.push_back(std::move(entry));
    }

    std::optional<mail::Address> free_address(const std::string& local)
    {
        constexpr int most_numbers = 1000;
        for (int number = 1; number < most_numbers; ++number) {
            const auto text = number == 1 ? local : fmt::format("{}{}", local, number);
            const auto address = mail::Address::parse(text + "@" + order_.domain.text());
            if (!address) return std::nullopt;
            if (!read_entry(database_, address->key()) && taken_.insert(address->key()).second) return *address;
        }
        return std::nullopt;
    }

    /// The local part and the organisation: "eric.brown.greenstone".
    std::string free_user_name(const mail::Address& address)
    {
        const std::string base = to_lower(address.local()) + "." + order_.organisation;
        for (int number = 1;; ++number) {
            auto name = number == 1 ? base : fmt::format("{}.{}", base, number);
            auto row = database_.query("SELECT 1 FROM logins WHERE user_name = ?", name);
            if (!row.next() && user_names_.insert(name).second) return name;
        }
    }

    Database& database_;
    const BulkOrder& order_;
    BulkResult result_;
    std::vector<DirectoryEntry> entries_;
    std::set<std::string> taken_, user_names_;
};

/// Hashes of the one-time passwords, in the order of the people.
Result<BulkResult> write_people(Database& database, const BulkOrder& order, const std::vector<std::string>& hashes)
{
    BulkAdd add(database, order);
    auto result = add.prepare();
    if (!result.problems.empty() || order.dry_run) return result;
    for (std::size_t i = 0; i < add.entries().size(); ++i) {
        const auto& entry = add.entries()[i];
        write_entry(database, entry, order.audit.actor, order.audit.at);
        database.run("INSERT INTO edits(key) VALUES(?)", entry.address.key());
        database.run(
            "INSERT OR REPLACE INTO logins(key, user_name, password, changed, one_time, valid_until) "
            "VALUES(?, ?, ?, ?, 1, ?)",
            entry.address.key(), result.invited[i].user_name, hashes.at(i), order.audit.at, order.valid_until);
        AuditRecord record = order.audit;
        record.target = entry.address.text();
        record.organisation = entry.organisation;
        record.outcome = "done";
        record.detail = "invited, with a one-time password";
        append_audit(database, std::move(record));
    }
    return result;
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

Administration::Async<Result<BulkResult>> Administration::bulk_add(BulkOrder order)
{
    struct Given {
        std::vector<std::string> passwords, hashes;
    };
    const auto shared = std::make_shared<const BulkOrder>(std::move(order));
    const std::size_t count = shared->dry_run || shared->people.size() > most_at_once ? 0 : shared->people.size();
    std::function<Result<Given>(NoState&)> hashing = [count](NoState&) {
        Given given;
        for (std::size_t i = 0; i < count; ++i) {
            given.passwords.push_back(make_one_time_password());
            given.hashes.push_back(hash_password(given.passwords.back(), Strength::given));
        }
        return Result<Given>(std::move(given));
    };
    auto given = co_await impl_.hashers->run<Given>(std::move(hashing));
    if (!given) co_return std::unexpected(given.error());
    const auto made = std::make_shared<const Given>(std::move(*given));
    std::function<Result<BulkResult>(Database&)> work = [impl = &impl_, shared, made](Database& database) {
        auto result = write_people(database, *shared, made->hashes);
        if (result && result->problems.empty() && !shared->dry_run)
            database.after_commit([impl] { impl->entries_changed(); });
        return result;
    };
    auto result = co_await impl_.writer->run<BulkResult>(std::move(work));
    if (!result) co_return std::unexpected(result.error());
    for (std::size_t i = 0; i < result->invited.size() && i < made->passwords.size(); ++i)
        result->invited[i].one_time_password = made->passwords[i];
    co_return result;
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
