#include "directory/importing.hpp"

#include "base/text.hpp"
#include "directory/rows.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace postern::directory {

namespace {

using store::Database;

constexpr std::size_t longest_text = 200;
constexpr std::size_t longest_function = 100;  // conditions ask for it
constexpr std::size_t longest_detail = 1000;
constexpr std::size_t most_details = 50;

bool is_showable(std::string_view text, std::size_t longest)
{
    return text.size() <= longest && is_utf8(text) && printable(text, longest) == text;
}

/// One comparison: what stands, what was seen of it, and what is found.
class Comparison {
public:
    Comparison(Database& database, const ImportDocument& document, const EntryCheck& check)
        : database_(database), document_(document), check_(check)
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
        for (const auto& organisation : document_.organisations)
            for (const auto& declared : organisation.entries) consider(organisation.id, declared);
        collect_removed();
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
        if (const auto allowed = check_(entry); !allowed)
            problem(declared.line, fmt::format("{}: {}", entry.address.text(), allowed.error().describe()));
        compare_with_standing(declared);
    }

    void check_texts(const vocabulary::ImportEntry& declared)
    {
        const DirectoryEntry& entry = declared.entry;
        const auto wrong = [&](std::string_view what) {
            problem(declared.line, fmt::format("{}: {}", entry.address.text(), what));
        };
        if (!is_showable(entry.name, longest_text))
            wrong("the name is longer than 200 bytes or holds control characters");
        if (!is_showable(entry.function, longest_function))
            wrong("the function is longer than 100 bytes or holds control characters");
        if (entry.kind == EntryKind::function && entry.function.empty())
            wrong("a function needs the name of its function");
        if (entry.kind != EntryKind::function && !entry.function.empty()) wrong("only a function has a function");
        if (entry.kind == EntryKind::user && !entry.owner.empty()) wrong("a user has no owner");
        if (entry.kind != EntryKind::user && entry.owner.empty())
            wrong("a function or group needs an owner, who answers for it");
        if (!entry.owner.empty() && !mail::Address::parse(entry.owner)) wrong("the owner is not an address");
        if (!entry.moved_to.empty() && !mail::Address::parse(entry.moved_to)) wrong("moved_to is not an address");
        if (entry.details.size() > most_details) wrong("there are more than 50 details");
        for (const auto& [name, value] : entry.details)
            if (name.empty() || !is_showable(name, longest_text) || !is_showable(value, longest_detail))
                wrong(fmt::format("the detail \"{}\" is too long or holds control characters", printable(name, 50)));
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
        EntryChange change;
        const auto compare = [&](const char* field, std::string_view was, std::string_view is) {
            if (was != is) change.fields.push_back({field, std::string(was), std::string(is)});
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
        if (before.details != after.details) compare("details", print_details(before), print_details(after));
        if (change.fields.empty()) {
            ++difference_.unchanged;
            return;
        }
        change.entry = after;
        difference_.changed.push_back(std::move(change));
    }

    void collect_removed()
    {
        for (auto& [key, standing] : standing_)
            if (!standing.declared && standing.entry.status != EntryStatus::removed)
                difference_.removed.push_back(std::move(standing.entry));
        std::ranges::sort(difference_.removed, {}, [](const DirectoryEntry& entry) { return entry.address.key(); });
    }

    Database& database_;
    const ImportDocument& document_;
    const EntryCheck& check_;
    Difference difference_;
    std::unordered_set<std::string> named_;
    std::unordered_map<std::string, Standing> standing_;
    std::unordered_map<std::string, std::size_t> lines_;
};

}  // namespace

Difference compare(Database& database, const ImportDocument& document, const EntryCheck& check)
{
    return Comparison(database, document, check).run();
}

void write_difference(Database& database, const Difference& difference, const ImportDocument& document,
                      const std::string& actor, Instant at)
{
    for (const auto& entry : difference.added) write_entry(database, entry);
    for (const auto& change : difference.changed) write_entry(database, change.entry);
    for (const auto& entry : difference.removed) mark_removed(database, entry.address.key());
    database.run("INSERT INTO imports(at, actor, file, added, changed, removed, unchanged) VALUES(?, ?, ?, ?, ?, ?, ?)",
                 at, actor, document.file, difference.added.size(), difference.changed.size(),
                 difference.removed.size(), difference.unchanged);
}

std::int64_t newest_import(Database& database)
{
    auto row = database.query("SELECT coalesce(max(number), 0) FROM imports");
    return row.next() ? row.integer(0) : 0;
}

}  // namespace postern::directory
