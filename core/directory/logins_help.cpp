// Logins that are given or locked: invitations, one-time passwords, locks that are taken away.
#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>

namespace postern::directory {

namespace {

using store::Database;

std::string free_user_name(Database& database, const DirectoryEntry& entry)
{
    const std::string base = to_lower(entry.address.local()) + "." + entry.organisation;
    for (int number = 1;; ++number) {
        auto name = number == 1 ? base : fmt::format("{}.{}", base, number);
        if (!find_login(database, name)) return name;
    }
}

}  // namespace

GivenPassword give(Database& database, LoginRow login, const Made& made, const vocabulary::LoginRules& rules,
                   Instant now)
{
    if (!login.one_time && !login.password.empty())
        add_former(database, login.key, now, login.password, rules.password_history);
    login.password = made.hash;
    login.changed = now;
    login.one_time = true;
    login.valid_until = now + rules.one_time_valid;
    login.locked_until.reset();
    login.lock_reason.clear();
    login.wrong = login.reset_wrong = 0;
    login.reset_locked = false;
    login.reset_asks.clear();
    ++login.generation;
    write_login(database, login);
    return {login.user_name, made.password, *login.valid_until};
}

Result<Made> make_one()
{
    Made made;
    made.password = make_one_time_password();
    made.hash = hash_password(made.password, Strength::given);
    return made;
}

Logins::Async<Result<GivenPassword>> Logins::invite(mail::Address address, Rules rules, AuditRecord audit)
{
    std::function<Result<Made>()> making_one = make_one;
    auto made = co_await impl_->hash<Made>(std::move(making_one));
    if (!made) co_return std::unexpected(made.error());
    std::function<Result<GivenPassword>(Database&)> work = [key = address.key(), made = *made, rules,
                                                            audit](Database& database) -> Result<GivenPassword> {
        const auto entry = read_entry(database, key);
        if (!entry || entry->kind != EntryKind::user || entry->status == EntryStatus::removed)
            return fault(Retry::never, "logins are of users of the directory, and this is none");
        auto login = read_login(database, key);
        // After a reset the password is given as well, but the login is somebody's.
        if (login && (!login->one_time || login->last_login))
            return fault(Retry::never, "this login is in use; a forgotten password is reset against known facts");
        if (!login) {
            login.emplace();
            login->key = key;
            login->user_name = free_user_name(database, *entry);
        }
        auto record = audit;
        record.target = entry->address.text();
        record.organisation = entry->organisation;
        append_audit(database, std::move(record));
        return give(database, std::move(*login), made, rules, audit.at);
    };
    co_return co_await impl_->write<GivenPassword>(std::move(work));
}

bool open_lock(Database& database, LoginRow& login, Instant now)
{
    const bool was_locked = (login.locked_until && now < *login.locked_until) || !login.lock_reason.empty();
    login.locked_until.reset();
    login.lock_reason.clear();
    login.wrong = 0;
    write_login(database, login);
    if (was_locked) database.run("INSERT OR REPLACE INTO activity(key, at) VALUES(?, ?)", login.key, now);
    return was_locked;
}

Logins::Async<Result<bool>> Logins::unlock(mail::Address address, AuditRecord audit)
{
    std::function<Result<bool>(Database&)> work = [address, audit](Database& database) {
        auto login = read_login(database, address.key());
        if (!login || !open_lock(database, *login, audit.at)) return Result<bool>(false);
        auto record = audit;
        record.target = address.text();
        if (const auto entry = read_entry(database, address.key())) record.organisation = entry->organisation;
        append_audit(database, std::move(record));
        return Result<bool>(true);
    };
    co_return co_await impl_->write<bool>(std::move(work));
}

}  // namespace postern::directory
