// All that the directory keeps about one person: for their own eyes, and to be deleted.
#include "directory/directory_impl.hpp"
#include "directory/login_rows.hpp"

#include <fmt/format.h>

namespace postern::directory {

using store::Database;

namespace {

/// Groups and lists that name the address, and what they may there.
std::vector<Membership> memberships_of(Database& database, const std::string& key)
{
    std::vector<Membership> found;
    auto rows = database.query(
        "SELECT e.address, e.kind, m.can_read, m.can_write, m.can_mail FROM members m JOIN entries e ON e.key = "
        "m.entry "
        "WHERE m.member = ? ORDER BY e.key",
        key);
    while (rows.next()) found.push_back({rows.string(0), rows.string(1), rows.flag(2), rows.flag(3), rows.flag(4)});
    return found;
}

}  // namespace

Administration::Async<Result<PersonKept>> Administration::kept_about(mail::Address address)
{
    std::function<Result<PersonKept>(Database&)> work = [address](Database& database) {
        const OneView view(database);
        const std::string& key = address.key();
        PersonKept kept;
        kept.standing = read_standing(database, key);
        kept.memberships = memberships_of(database, key);
        for (const auto& [question, answer] : read_facts(database, key)) kept.questions.push_back(question);
        if (auto row = database.query("SELECT at FROM activity WHERE key = ?", key); row.next())
            kept.last_active = row.instant(0);
        for (const auto& one : read_cases(database, true))
            if (const auto about = mail::Address::parse(one.about); about && about->key() == key)
                kept.cases.push_back(one);
        auto rows = database.query(
            "SELECT number, at, actor, act, target, organisation, outcome, detail, hash FROM audit "
            "WHERE target = ?1 OR actor = ?1 OR substr(actor, 1, length(?1) + 5) = ?1 || ' (by ' ORDER BY number",
            kept.standing.entry ? kept.standing.entry->address.text() : address.text());
        while (rows.next()) {
            AuditRecord record;
            record.number = static_cast<std::uint64_t>(rows.integer(0));
            record.at = rows.instant(1);
            record.actor = rows.string(2);
            record.act = rows.string(3);
            record.target = rows.string(4);
            record.organisation = rows.string(5);
            record.outcome = rows.string(6);
            record.detail = rows.string(7);
            record.hash = std::string(rows.blob(8));
            kept.audit.push_back(std::move(record));
        }
        return Result<PersonKept>(std::move(kept));
    };
    co_return co_await impl_.overview->run<PersonKept>(std::move(work));
}

Administration::Async<Result<bool>> Administration::forget(mail::Address address, AuditRecord audit)
{
    std::function<Result<bool>(Database&)> work = [impl = &impl_, address, audit](Database& database) -> Result<bool> {
        const std::string& key = address.key();
        const auto standing = read_standing(database, key);
        if (!standing.entry) return false;
        if (standing.entry->status != EntryStatus::removed)
            return fault(Retry::never, "only who was removed can be forgotten; remove the entry first")
                .about(standing.entry->address.text());
        // The address stays known as one that was, so that senders are told and nobody else gets it unawares.
        DirectoryEntry left;
        left.address = standing.entry->address;
        left.organisation = standing.entry->organisation;
        left.kind = standing.entry->kind;
        left.status = EntryStatus::removed;
        left.moved_to = standing.entry->moved_to;
        left.owner = standing.entry->owner;
        left.function = standing.entry->function;
        write_entry(database, left, audit.actor, audit.at, {});
        database.run(
            "UPDATE entries SET non_secure_before = '', non_secure_since = 0, non_secure_confirmed = 1 WHERE key = ?",
            key);
        database.run("INSERT INTO edits(key) VALUES(?)", key);
        database.after_commit([impl] { impl->entries_changed(); });
        auto record = audit;
        record.target = left.address.text();
        record.organisation = left.organisation;
        append_audit(database, std::move(record));
        return true;
    };
    co_return co_await impl_.writer->run<bool>(std::move(work));
}

}  // namespace postern::directory
