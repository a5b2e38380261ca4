#include "directory/rows.hpp"

#include <boost/json.hpp>
#include <stdexcept>

namespace postern::directory {

namespace {

namespace json = boost::json;
using store::Blob;
using store::Database;
using store::Query;

std::map<std::string, std::string> parse_details(std::string_view text)
{
    std::map<std::string, std::string> details;
    if (text == "{}") return details;
    const json::value parsed = json::parse(json::string_view(text.data(), text.size()));
    for (const auto& item : parsed.as_object())
        details.emplace(std::string(item.key()), std::string(item.value().as_string()));
    return details;
}

/// Columns in the order of the queries below.
DirectoryEntry entry_of(const Query& row)
{
    auto address = mail::Address::parse(row.text(0));
    const auto kind = vocabulary::entry_kind_named(row.text(2));
    const auto status = vocabulary::entry_status_named(row.text(3));
    if (!address || !kind || !status) throw std::runtime_error("the directory holds an entry that cannot be read");
    return {.address = std::move(*address),
            .organisation = row.string(1),
            .kind = *kind,
            .status = *status,
            .name = row.string(4),
            .function = row.string(5),
            .owner = row.string(6),
            .moved_to = row.string(7),
            .ex_directory = row.flag(8),
            .details = parse_details(row.text(9))};
}

}  // namespace

DirectoryEntryPtr read_entry(Database& database, std::string_view key)
{
    Query row = database.query(
        "SELECT address, organisation, kind, status, name, function, owner, moved_to, ex_directory, details "
        "FROM entries WHERE key = ?",
        key);
    return row.next() ? std::make_shared<const DirectoryEntry>(entry_of(row)) : nullptr;
}

void read_organisation(Database& database, std::string_view organisation,
                       const std::function<void(DirectoryEntry)>& take)
{
    Query rows = database.query(
        "SELECT address, organisation, kind, status, name, function, owner, moved_to, ex_directory, details "
        "FROM entries WHERE organisation = ?",
        organisation);
    while (rows.next()) take(entry_of(rows));
}

void write_entry(Database& database, const DirectoryEntry& entry)
{
    const std::string& key = entry.address.key();
    const std::string reversed = backwards(key);
    database.run(
        "INSERT INTO entries(key, address, domain, backwards, organisation, kind, status, name, function, owner, "
        "moved_to, ex_directory, details) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(key) DO UPDATE SET address = excluded.address, organisation = excluded.organisation, "
        "kind = excluded.kind, status = excluded.status, name = excluded.name, function = excluded.function, "
        "owner = excluded.owner, moved_to = excluded.moved_to, ex_directory = excluded.ex_directory, details = "
        "excluded.details",
        key, entry.address.text(), entry.address.domain().key(), Blob{reversed}, entry.organisation,
        vocabulary::name_of(entry.kind), vocabulary::name_of(entry.status), entry.name, entry.function, entry.owner,
        entry.moved_to, entry.ex_directory, print_details(entry));
}

void mark_removed(Database& database, std::string_view key)
{
    database.run("UPDATE entries SET status = 'removed' WHERE key = ?", key);
}

std::string print_details(const DirectoryEntry& entry)
{
    json::object object;
    for (const auto& [name, value] : entry.details) object[name] = value;
    return json::serialize(object);
}

std::string backwards(std::string_view key)
{
    const std::string_view local = key.substr(0, key.rfind('@'));
    return std::string(local.rbegin(), local.rend());
}

}  // namespace postern::directory
