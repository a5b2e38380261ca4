#include "directory/importing.hpp"

#include "base/text.hpp"
#include "directory/entry_check.hpp"
#include "directory/login_rows.hpp"
#include "directory/look_alike.hpp"
#include "directory/passwords.hpp"
#include "directory/rows.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace postern::directory {

namespace {

using store::Database;

std::string print_members(const DirectoryEntry& entry)
{
    constexpr std::size_t shown = 20;
    std::string text;
    for (std::size_t i = 0; i < std::min(shown, entry.members.size()); ++i) {
        const auto& member = entry.members[i];
        text += (i == 0 ? "" : " ") + member.address;
        if (entry.kind != EntryKind::group) continue;
        text += fmt::format(":{}{}{}", member.read ? "r" : "", member.write ? "w" : "", member.mail ? "m" : "");
    }
    if (entry.members.size() > shown) text += fmt::format(" and {} more", entry.members.size() - shown);
    return text;
}

/// One comparison: what stands, what was seen of it, and what is found.
class Comparison {
public:
    Comparison(Database& database, const ImportDocument& document, const EntryCheck& check, const EntryTerms& terms,
               Progress* progress)
        : database_(database), document_(document), check_(check), terms_(terms), progress_(progress)
    {
    }

    Difference run()
    {
        for (const auto& organisation : document_.organisations) {
            if (!named_.insert(organisation.id).second) problem(organisation.line, organisation.id + " is named twice");
            read_organisation(database_, organisation.id, [this](DirectoryEntry entry) {
                std::string key = entry.address.key();
                standing_.try_emplace(std::move(key), Standing{std::move(entry), false});
            });
        }
        if (progress_) {
            std::uint64_t entries = 0;
            for (const auto& organisation : document_.organisations) entries += organisation.entries.size();
            progress_->begin("comparing", entries);
        }
        for (const auto& organisation : document_.organisations)
            for (const auto& declared : organisation.entries) {
                consider(organisation.id, declared);
                if (progress_) progress_->step();
            }
        collect_removed();
        if (!terms_.removal) refuse_removal();
        if (!terms_.look_alikes) look_for_look_alikes();
        std::ranges::stable_sort(difference_.problems, {}, &ImportProblem::line);
        return std::move(difference_);
    }

private:
    struct Standing {
        DirectoryEntry entry;
        bool declared = false;
    };

    void problem(std::size_t line, std::string what) { difference_.problems.push_back({line, std::move(what)}); }

    void consider(const std::string& organisation, const vocabulary::ImportEntry& declared)
    {
        const DirectoryEntry& entry = declared.entry;
        const std::string& key = entry.address.key();
        if (const auto [first, fresh] = lines_.try_emplace(key, declared.line); !fresh) {
            problem(declared.line, fmt::format("{} stands already in line {}", entry.address.text(), first->second));
            return;
        }
        if (entry.organisation != organisation)
            problem(declared.line, fmt::format("{} is declared under another organisation", entry.address.text()));
        check_texts(declared);
        bring_login(declared);
        if (const auto allowed = check_(entry); !allowed)
            problem(declared.line, fmt::format("{}: {}", entry.address.text(), allowed.error().describe()));
        compare_with_standing(declared);
    }

    void check_texts(const vocabulary::ImportEntry& declared)
    {
        for (const auto& mistake : mistakes_of(declared.entry))
            problem(declared.line, fmt::format("{}: {}", declared.entry.address.text(), mistake));
    }

    /// What stands under that key: in an organisation of the document, else anywhere.
    void compare_with_standing(const vocabulary::ImportEntry& declared)
    {
        const DirectoryEntry& entry = declared.entry;
        if (const auto found = standing_.find(entry.address.key()); found != standing_.end()) {
            found->second.declared = true;
            note_change(found->second.entry, entry);
            return;
        }
        const auto elsewhere = read_entry(database_, entry.address.key());
        if (!elsewhere) {
            difference_.added.push_back(entry);
        } else if (elsewhere->status == EntryStatus::removed) {
            note_change(*elsewhere, entry);  // given up there; an address may move on
        } else {
            problem(declared.line, fmt::format("{} belongs to {} already; an address has one owner",
                                               entry.address.text(), elsewhere->organisation));
        }
    }

    void note_change(const DirectoryEntry& before, const DirectoryEntry& after)
    {
        auto fields = changed_fields(before, after);
        if (fields.empty())
            ++difference_.unchanged;
        else
            difference_.changed.push_back({after, std::move(fields)});
    }

    void collect_removed()
    {
        for (auto& [key, standing] : standing_)
            if (!standing.declared && standing.entry.status != EntryStatus::removed)
                difference_.removed.push_back(std::move(standing.entry));
        std::ranges::sort(difference_.removed, {}, [](const DirectoryEntry& entry) { return entry.address.key(); });
    }

    /// A file with a few rows is more often an addition than all that is to be left.
    void refuse_removal()
    {
        constexpr std::size_t shown = 5;
        for (const auto& organisation : document_.organisations) {
            std::vector<std::string_view> left_out;
            for (const auto& entry : difference_.removed)
                if (entry.organisation == organisation.id) left_out.push_back(entry.address.text());
            if (left_out.empty()) continue;
            const std::size_t more = left_out.size() - std::min(shown, left_out.size());
            left_out.resize(std::min(shown, left_out.size()));
            problem(organisation.line,
                    fmt::format(
                        "{} of {} stand in the directory and not in the file ({}{}): --remove says that they are "
                        "to go; to keep them, add them to the file, or use `postern user add`",
                        left_out.size() + more, organisation.id, fmt::join(left_out, ", "), more == 0 ? "" : ", ..."));
        }
    }

    // --- logins that are brought along -----------------------------------------------------------------------------

    void bring_login(const vocabulary::ImportEntry& declared)
    {
        const DirectoryEntry& entry = declared.entry;
        const auto wrong = [&](const std::string& what) {
            problem(declared.line, fmt::format("{}: {}", entry.address.text(), what));
        };
        if (declared.password_hash.empty()) {
            if (!declared.user_name.empty()) wrong("a user name goes with a password_hash");
            return;
        }
        if (entry.kind != EntryKind::user) return wrong("only a user has a password");
        if (const auto why = why_not_taken(declared.password_hash); !why.empty()) return wrong("password_hash: " + why);
        const std::string& key = entry.address.key();
        const auto before = read_login(database_, key);
        // Whoever uses their login here has a password of their own; an import never takes its place.
        if (before && !before->one_time) return;
        std::string name = to_lower(declared.user_name);
        if (name.empty() && before) name = before->user_name;
        if (name.empty()) name = to_lower(entry.address.local()) + "." + entry.organisation;
        if (const auto why = unfit_user_name(name); !why.empty()) return wrong(why);
        const auto holder = find_login(database_, name);
        if ((holder && holder->key != key) || !user_names_.insert(name).second)
            return wrong(fmt::format("the user name \"{}\" is taken", printable(name, 80)));
        difference_.logins.push_back({key, std::move(name), declared.password_hash});
    }

    static std::string unfit_user_name(const std::string& name)
    {
        constexpr std::size_t longest = 120;
        const bool fits = name.size() >= 3 && name.size() <= longest &&
                          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-+'") == std::string::npos;
        return fits ? std::string{}
                    : fmt::format("the user name \"{}\" has others than 3 to {} letters, digits and . _ - + '",
                                  printable(name, 80), longest);
    }

    // --- look-alikes -------------------------------------------------------------------------------------------------

    /// Among those that are new, and against all that stay.
    void look_for_look_alikes()
    {
        std::unordered_set<std::string> fresh;
        for (const auto& entry : difference_.added) fresh.insert(entry.address.key());
        if (fresh.empty()) return;
        for (const auto& organisation : document_.organisations) {
            std::unordered_map<std::string, const DirectoryEntry*> seen;
            for (const bool is_new : {false, true})
                for (const auto& declared : organisation.entries) {
                    const auto& entry = declared.entry;
                    if (fresh.contains(entry.address.key()) != is_new || entry.status == EntryStatus::removed) continue;
                    const std::string& local = entry.address.local();
                    const auto other = seen.try_emplace(looks_of(local), &entry).first;
                    if (!is_new) continue;
                    auto why = suspicious_letters(local);
                    for (const auto found : {other, seen.find(looks_as_written(local))})
                        // The same address twice was told already.
                        if (found != seen.end() && found->second->address.key() != entry.address.key())
                            why = "it looks like " + found->second->address.text();
                    if (!why.empty())
                        problem(declared.line, fmt::format("{}: {}; choose another, or say that you are sure",
                                                           entry.address.text(), why));
                }
        }
    }

    Database& database_;
    const ImportDocument& document_;
    const EntryCheck& check_;
    const EntryTerms& terms_;
    Progress* progress_;
    Difference difference_;
    std::unordered_set<std::string> named_;
    std::unordered_map<std::string, Standing> standing_;
    std::unordered_map<std::string, std::size_t> lines_;
    std::unordered_set<std::string> user_names_;
};

}  // namespace

std::vector<FieldChange> changed_fields(const DirectoryEntry& before, const DirectoryEntry& after)
{
    std::vector<FieldChange> fields;
    const auto compare = [&](const char* field, std::string_view was, std::string_view is) {
        if (was != is) fields.push_back({field, std::string(was), std::string(is)});
    };
    compare("address", before.address.text(), after.address.text());
    compare("organisation", before.organisation, after.organisation);
    compare("kind", vocabulary::name_of(before.kind), vocabulary::name_of(after.kind));
    compare("status", vocabulary::name_of(before.status), vocabulary::name_of(after.status));
    compare("name", before.name, after.name);
    compare("function", before.function, after.function);
    compare("owner", before.owner, after.owner);
    compare("moved_to", before.moved_to, after.moved_to);
    compare("ex_directory", before.ex_directory ? "true" : "false", after.ex_directory ? "true" : "false");
    compare("non_secure", before.non_secure, after.non_secure);
    compare("senders", vocabulary::name_of(before.senders), vocabulary::name_of(after.senders));
    if (before.named_senders != after.named_senders)
        compare("named_senders", fmt::format("{}", fmt::join(before.named_senders, " ")),
                fmt::format("{}", fmt::join(after.named_senders, " ")));
    if (before.members != after.members) fields.push_back({"members", print_members(before), print_members(after)});
    if (before.details != after.details) compare("details", print_details(before), print_details(after));
    return fields;
}

Difference compare(Database& database, const ImportDocument& document, const EntryCheck& check, const EntryTerms& terms,
                   Progress* progress)
{
    return Comparison(database, document, check, terms, progress).run();
}

void write_difference(Database& database, const Difference& difference, const ImportDocument& document,
                      const std::string& actor, Instant at, const EntryTerms& terms, Progress* progress)
{
    if (progress)
        progress->begin("writing", difference.added.size() + difference.changed.size() + difference.removed.size());
    const auto step = [&] {
        if (progress) progress->step();
    };
    const auto put = [&](const DirectoryEntry& entry) {
        write_entry(database, entry, actor, at, terms.non_secure_rests);
        step();
    };
    for (const auto& entry : difference.added) put(entry);
    for (const auto& change : difference.changed) put(change.entry);
    for (const auto& entry : difference.removed) mark_removed(database, entry, actor, at), step();
    for (const auto& login : difference.logins) {
        LoginRow row;
        row.key = login.key;
        row.user_name = login.user_name;
        row.password = login.password;
        row.changed = at;
        const auto before = read_login(database, login.key);
        if (before && !before->one_time) continue;  // chosen here since the comparison
        if (before) row.generation = before->generation + 1;
        write_login(database, row);
    }
    database.run("INSERT INTO imports(at, actor, file, added, changed, removed, unchanged) VALUES(?, ?, ?, ?, ?, ?, ?)",
                 at, actor, document.file, difference.added.size(), difference.changed.size(),
                 difference.removed.size(), difference.unchanged);
}

std::int64_t newest_import(Database& database)
{
    auto row = database.query(
        "SELECT coalesce((SELECT max(number) FROM imports), 0) + coalesce((SELECT seq FROM sqlite_sequence WHERE name "
        "= "
        "'edits'), 0)");
    return row.next() ? row.integer(0) : 0;
}

}  // namespace postern::directory
