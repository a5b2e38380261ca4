// Sessions: a login that goes on until its declared time is over, it is not used for as long as is declared, it is
// ended, or its login changes (a reset, another password or second factor).
#include "base/digest.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <algorithm>

namespace postern::directory {

using store::Blob;
using store::Database;

namespace {

constexpr std::size_t token_bytes = 32;

std::string new_token()
{
    return to_base32(random_bytes(token_bytes));
}

/// A use is written down when it says something new: at most once a minute, and often enough for the declared time.
Duration noted_every(const vocabulary::LoginRules& rules)
{
    return std::min<Duration>(std::chrono::minutes{1}, rules.session_idle / 10);
}

struct Found {
    std::optional<Session> session;
    bool is_news = false;
};

Found find_session(Database& database, const std::string& digest, const vocabulary::LoginRules& rules, Instant now)
{
    Found found;
    auto row = database.query(
        "SELECT e.address, e.organisation, s.begun, s.used FROM sessions s JOIN logins l ON l.key = s.key "
        "JOIN entries e ON e.key = s.key WHERE s.token = ? AND s.generation = l.generation AND e.kind = 'user' AND "
        "e.status = 'active'",
        Blob{digest});
    if (!row.next()) return found;
    const Instant ends = row.instant(2) + rules.session_longest, idle_ends = row.instant(3) + rules.session_idle;
    if (now >= ends || now >= idle_ends) return found;
    found.is_news = now - row.instant(3) >= noted_every(rules);
    found.session = Session{.token = {},
                            .address = row.string(0),
                            .organisation = row.string(1),
                            .ends = ends,
                            .idle_ends = std::min(ends, now + rules.session_idle)};
    return found;
}

}  // namespace

Logins::Async<Result<Session>> Logins::begin_session(LoginAnswer granted, Rules rules, Instant now)
{
    if (granted.outcome != LoginAnswer::Outcome::granted)
        co_return fault(Retry::never, "a session needs a login that was granted");
    auto address = mail::Address::parse(granted.address);
    if (!address) co_return std::unexpected(address.error());
    std::function<Result<Session>(Database&)> work = [granted, key = address->key(), rules, now](Database& database) {
        Session session{.token = new_token(),
                        .address = granted.address,
                        .organisation = granted.organisation,
                        .ends = now + rules.session_longest,
                        .idle_ends = now + rules.session_idle};
        database.run("INSERT INTO sessions(token, key, generation, begun, used) VALUES(?, ?, ?, ?, ?)",
                     Blob{sha256_bytes(session.token)}, key, granted.generation, now, now);
        return Result<Session>(std::move(session));
    };
    co_return co_await impl_->write<Session>(std::move(work));
}

Logins::Async<Result<std::optional<Session>>> Logins::session(std::string token, Rules rules, Instant now)
{
    const auto digest = sha256_bytes(token);
    std::function<Result<Found>(Database&)> reading = [digest, rules, now](Database& database) {
        return Result<Found>(find_session(database, digest, rules, now));
    };
    auto found = co_await impl_->read<Found>(std::move(reading));
    if (!found) co_return std::unexpected(found.error());
    if (!found->is_news) co_return found->session;
    std::function<Result<void>(Database&)> writing = [digest, now](Database& database) {
        database.run("UPDATE sessions SET used = max(used, ?) WHERE token = ?", now, Blob{digest});
        return Result<void>();
    };
    auto noted = co_await impl_->write<void>(std::move(writing));
    if (!noted) co_return std::unexpected(noted.error());
    co_return found->session;
}

Logins::Async<Result<bool>> Logins::end_session(std::string token, Instant now)
{
    std::function<Result<bool>(Database&)> work = [digest = sha256_bytes(token), now](Database& database) {
        std::string address, organisation;
        {
            auto row = database.query(
                "SELECT e.address, e.organisation FROM sessions s JOIN entries e ON e.key = s.key WHERE s.token = ?",
                Blob{digest});
            if (!row.next()) return Result<bool>(false);
            address = row.string(0);
            organisation = row.string(1);
        }
        database.run("DELETE FROM sessions WHERE token = ?", Blob{digest});
        auto record = login_record(address, "logout", address, "done", now);
        record.organisation = organisation;
        append_audit(database, std::move(record));
        return Result<bool>(true);
    };
    co_return co_await impl_->write<bool>(std::move(work));
}

Logins::Async<Result<bool>> Logins::end_sessions(mail::Address address, AuditRecord audit)
{
    std::function<Result<bool>(Database&)> work = [address, audit](Database& database) {
        auto login = read_login(database, address.key());
        if (!login) return Result<bool>(false);
        ++login->generation;
        write_login(database, *login);
        database.run("DELETE FROM sessions WHERE key = ?", login->key);
        auto record = audit;
        record.target = address.text();
        append_audit(database, std::move(record));
        return Result<bool>(true);
    };
    co_return co_await impl_->write<bool>(std::move(work));
}

}  // namespace postern::directory
