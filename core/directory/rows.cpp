#include "directory/rows.hpp"

#include "base/text.hpp"
#include "directory/audit.hpp"
#include "directory/look_alike.hpp"

#include <fmt/format.h>
#include <algorithm>
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

std::vector<std::string> parse_texts(std::string_view text)
{
    std::vector<std::string> texts;
    if (text == "[]") return texts;
    const json::value parsed = json::parse(json::string_view(text.data(), text.size()));
    for (const auto& item : parsed.as_array()) texts.emplace_back(item.as_string());
    return texts;
}

/// Columns in the order of the queries below; without its members.
DirectoryEntry entry_of(const Query& row)
{
    auto address = mail::Address::parse(row.text(0));
    const auto kind = vocabulary::entry_kind_named(row.text(2));
    const auto status = vocabulary::entry_status_named(row.text(3));
    const auto senders = vocabulary::list_senders_named(row.text(11));
    if (!address || !kind || !status || !senders)
        throw std::runtime_error("the directory holds an entry that cannot be read");
    return {.address = std::move(*address),
            .organisation = row.string(1),
            .kind = *kind,
            .status = *status,
            .name = row.string(4),
            .function = row.string(5),
            .owner = row.string(6),
            .moved_to = row.string(7),
            .ex_directory = row.flag(8),
            .details = parse_details(row.text(9)),
            .non_secure = row.string(10),
            .members = {},
            .senders = *senders,
            .named_senders = parse_texts(row.text(12)),
            .non_secure_history = {row.instant(13), row.string(14), row.flag(15)}};
}

bool has_members(const DirectoryEntry& entry) noexcept
{
    return entry.kind == EntryKind::group || entry.kind == EntryKind::list;
}

void read_members(Database& database, DirectoryEntry& entry)
{
    if (!has_members(entry)) return;
    Query rows =
        database.query("SELECT address, can_read, can_write, can_mail FROM members WHERE entry = ? ORDER BY member",
                       entry.address.key());
    while (rows.next()) entry.members.push_back({rows.string(0), rows.flag(1), rows.flag(2), rows.flag(3)});
}

void write_members(Database& database, const DirectoryEntry& entry, bool stood)
{
    const std::string& key = entry.address.key();
    if (stood) database.run("DELETE FROM members WHERE entry = ?", key);
    for (const auto& member : entry.members) {
        const auto address = mail::Address::parse(member.address);
        if (!address) continue;  // checked before
        database.run(
            "INSERT OR REPLACE INTO members(entry, member, address, can_read, can_write, can_mail) "
            "VALUES(?, ?, ?, ?, ?, ?)",
            key, address->key(), member.address, member.read, member.write, member.mail);
    }
}

/// A person's new non-secure address waits until they confirm it, and a changed one rests besides; one that is changed
/// again meanwhile never counted. Desks have no login to confirm it with: their administrator answers for it.
vocabulary::NonSecureHistory history_of(const DirectoryEntry* before, const DirectoryEntry& after, Instant at,
                                        Duration rests)
{
    const bool confirmed = after.non_secure.empty() || after.kind != EntryKind::user;
    if (before == nullptr || before->status == EntryStatus::removed) return {{}, {}, confirmed};
    if (before->non_secure == after.non_secure) return before->non_secure_history;
    const auto& counts = before->non_secure_at(at, rests);
    if (!counts.empty() && counts == after.non_secure) return {};  // taken back
    return {at, counts, confirmed};
}

void forget_words(Database& database, const DirectoryEntry& entry)
{
    for (const auto& word : words_of(entry))
        database.run("DELETE FROM words WHERE word = ? AND key = ?", word, entry.address.key());
}

}  // namespace

StandingEntry read_standing(Database& database, std::string_view key)
{
    Query row = database.query(
        "SELECT address, organisation, kind, status, name, function, owner, moved_to, ex_directory, details, "
        "non_secure, senders, named_senders, non_secure_since, non_secure_before, non_secure_confirmed, version, "
        "changed, "
        "changed_by FROM entries WHERE key = ?",
        key);
    if (!row.next()) return {};
    auto entry = std::make_shared<DirectoryEntry>(entry_of(row));
    read_members(database, *entry);
    return {std::move(entry), static_cast<std::uint64_t>(row.integer(16)), row.instant(17), row.string(18)};
}

DirectoryEntryPtr read_entry(Database& database, std::string_view key)
{
    return read_standing(database, key).entry;
}

void read_organisation(Database& database, std::string_view organisation,
                       const std::function<void(DirectoryEntry)>& take)
{
    Query rows = database.query(
        "SELECT address, organisation, kind, status, name, function, owner, moved_to, ex_directory, details, "
        "non_secure, senders, named_senders, non_secure_since, non_secure_before, non_secure_confirmed FROM entries "
        "WHERE organisation = ?",
        organisation);
    while (rows.next()) {
        auto entry = entry_of(rows);
        read_members(database, entry);
        take(std::move(entry));
    }
}

std::string read_listed(Database& database, std::string_view organisation, std::string_view after, std::size_t at_most,
                        const std::function<void(const DirectoryEntry&)>& look)
{
    Query rows =
        organisation.empty()
            ? database.query(
                  "SELECT address, organisation, kind, status, name, function, owner, moved_to, ex_directory, details, "
                  "non_secure, senders, named_senders, non_secure_since, non_secure_before FROM entries "
                  "WHERE key > ? AND status = 'active' AND ex_directory = 0 ORDER BY key LIMIT ?",
                  after, at_most)
            : database.query(
                  "SELECT address, organisation, kind, status, name, function, owner, moved_to, ex_directory, details, "
                  "non_secure, senders, named_senders, non_secure_since, non_secure_before FROM entries "
                  "WHERE organisation = ? AND key > ? AND status = 'active' AND ex_directory = 0 "
                  "ORDER BY key LIMIT ?",
                  organisation, after, at_most);
    std::string last;
    while (rows.next()) {
        const auto entry = entry_of(rows);
        look(entry);
        last = entry.address.key();
    }
    return last;
}

namespace {

/// Access to others' mailboxes that this person has, and others' to theirs.
void end_accesses(Database& database, const mail::Address& of, const std::string& by, Instant at)
{
    std::vector<std::pair<std::int64_t, std::string>> going_on;
    {
        auto rows = database.query(
            "SELECT number, who FROM accesses WHERE ended IS NULL AND (key = ?1 OR who = ?2 COLLATE NOCASE)", of.key(),
            of.text());
        while (rows.next()) going_on.emplace_back(rows.integer(0), rows.string(1));
    }
    for (const auto& [number, who] : going_on) {
        database.run("UPDATE accesses SET ended = ? WHERE number = ?", at, number);
        AuditRecord record;
        record.at = at;
        record.actor = by;
        record.act = "end_access";
        record.target = of.text();
        record.outcome = "done";
        record.detail = fmt::format("access {} of {} ended with the entry", number, who);
        append_audit(database, std::move(record));
    }
}

/// Roles, login, secrets, memberships and accesses of who had this address: whoever has it next is somebody else.
void forget_powers(Database& database, const mail::Address& of, const std::string& by, Instant at)
{
    const std::string& key = of.key();
    database.run("DELETE FROM grants WHERE key = ?", key);
    database.run("DELETE FROM logins WHERE key = ?", key);
    database.run("DELETE FROM facts WHERE key = ?", key);
    database.run("DELETE FROM former_passwords WHERE key = ?", key);
    database.run("DELETE FROM activity WHERE key = ?", key);
    database.run("DELETE FROM sessions WHERE key = ?", key);
    database.run("DELETE FROM mailed_codes WHERE key = ?", key);
    database.run("DELETE FROM mailed_codes_sent WHERE key = ?", key);
    database.run("DELETE FROM address_codes WHERE key = ?", key);
    database.run(
        "UPDATE entries SET version = version + 1, changed = ?, changed_by = ? "
        "WHERE key IN (SELECT entry FROM members WHERE member = ?)",
        at, by, key);
    database.run("DELETE FROM members WHERE member = ?", key);
    database.run(
        "UPDATE cases SET state = 'closed', closed = ?, closed_by = ?, outcome = 'the entry was removed' "
        "WHERE state = 'open' AND about = ? COLLATE NOCASE",
        at, by, of.text());
    end_accesses(database, of, by, at);
}

}  // namespace

void write_entry(Database& database, const DirectoryEntry& entry, const std::string& by, Instant at, Duration rests)
{
    const std::string& key = entry.address.key();
    const std::string reversed = backwards(key);
    const auto before = read_entry(database, key);
    if (before) forget_words(database, *before);
    const bool was_removed = before && before->status == EntryStatus::removed;
    if (was_removed || entry.status == EntryStatus::removed) forget_powers(database, entry.address, by, at);
    const std::string named = json::serialize(json::value_from(entry.named_senders));
    const auto history = history_of(before.get(), entry, at, rests);
    database.run(
        "INSERT INTO entries(key, address, domain, backwards, organisation, kind, status, name, function, owner, "
        "moved_to, ex_directory, details, non_secure, senders, named_senders, non_secure_since, non_secure_before, "
        "non_secure_confirmed, looks, "
        "version, changed, changed_by) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?) "
        "ON CONFLICT(key) DO UPDATE SET address = excluded.address, organisation = excluded.organisation, "
        "kind = excluded.kind, status = excluded.status, name = excluded.name, function = excluded.function, "
        "owner = excluded.owner, moved_to = excluded.moved_to, ex_directory = excluded.ex_directory, details = "
        "excluded.details, non_secure = excluded.non_secure, senders = excluded.senders, named_senders = "
        "excluded.named_senders, non_secure_since = excluded.non_secure_since, non_secure_before = "
        "excluded.non_secure_before, non_secure_confirmed = excluded.non_secure_confirmed, looks = excluded.looks, "
        "version = version + 1, changed = excluded.changed, "
        "changed_by = excluded.changed_by",
        key, entry.address.text(), entry.address.domain().key(), Blob{reversed}, entry.organisation,
        vocabulary::name_of(entry.kind), vocabulary::name_of(entry.status), entry.name, entry.function, entry.owner,
        entry.moved_to, entry.ex_directory, print_details(entry), entry.non_secure, vocabulary::name_of(entry.senders),
        named, history.since, history.before, history.confirmed, looks_of(entry.address.local()), at, by);
    if (has_members(entry) || (before && has_members(*before))) write_members(database, entry, before != nullptr);
    if (entry.status == EntryStatus::removed) return;
    for (const auto& word : words_of(entry))
        database.run("INSERT OR IGNORE INTO words(word, key) VALUES(?, ?)", word, key);
}

void mark_removed(Database& database, const DirectoryEntry& entry, const std::string& by, Instant at)
{
    forget_words(database, entry);
    forget_powers(database, entry.address, by, at);
    database.run(
        "UPDATE entries SET status = 'removed', version = version + 1, changed = ?, changed_by = ? WHERE key = ?", at,
        by, entry.address.key());
}

std::string owned_by(Database& database, const mail::Address& owner)
{
    auto row = database.query(
        "SELECT address FROM entries WHERE owner = ? COLLATE NOCASE AND status != 'removed' ORDER BY key LIMIT 1",
        owner.text());
    return row.next() ? row.string(0) : std::string{};
}

std::string look_alike_of(Database& database, const mail::Address& address, const std::string& organisation)
{
    auto row = database.query(
        "SELECT address FROM entries WHERE organisation = ? AND looks IN (?, ?) AND key != ? AND status != 'removed' "
        "LIMIT 1",
        organisation, looks_of(address.local()), looks_as_written(address.local()), address.key());
    return row.next() ? row.string(0) : std::string{};
}

void index_looks(Database& database)
{
    std::vector<std::pair<std::string, std::string>> found;
    {
        auto rows = database.query("SELECT key, address FROM entries WHERE looks = ''");
        while (rows.next())
            if (const auto address = mail::Address::parse(rows.text(1)))
                found.emplace_back(rows.string(0), looks_of(address->local()));
    }
    if (found.empty()) return;
    database.run("BEGIN IMMEDIATE");
    for (const auto& [key, looks] : found) database.run("UPDATE entries SET looks = ? WHERE key = ?", looks, key);
    database.run("COMMIT");
}

void index_words(Database& database)
{
    {
        auto any = database.query("SELECT 1 FROM words LIMIT 1");
        if (any.next()) return;
    }
    std::vector<std::string> keys;
    {
        auto rows = database.query("SELECT key FROM entries WHERE status != 'removed'");
        while (rows.next()) keys.push_back(rows.string(0));
    }
    if (keys.empty()) return;
    database.run("BEGIN IMMEDIATE");
    for (const auto& key : keys) {
        const auto entry = read_entry(database, key);
        for (const auto& word : words_of(*entry))
            database.run("INSERT OR IGNORE INTO words(word, key) VALUES(?, ?)", word, key);
    }
    database.run("COMMIT");
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

std::vector<std::string> split_words(std::string_view text)
{
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            static_cast<unsigned char>(c) >= 0x80;
        if (letter)
            word += ascii_lower(c);
        else
            end_word();
    }
    end_word();
    return words;
}

std::vector<std::string> words_of(const DirectoryEntry& entry)
{
    constexpr std::size_t most_words = 16;
    std::vector<std::string> words = split_words(entry.address.local());
    for (const std::string& text : {entry.name, entry.function})
        for (auto& word : split_words(text)) words.push_back(std::move(word));
    std::ranges::sort(words);
    words.erase(std::ranges::unique(words).begin(), words.end());
    if (words.size() > most_words) words.resize(most_words);
    return words;
}

}  // namespace postern::directory
