#include "directory/login_rows.hpp"

#include <boost/json.hpp>

namespace postern::directory {

namespace {

namespace json = boost::json;
using store::Blob;
using store::Database;
using store::Query;

std::optional<Instant> maybe(const Query& row, int column)
{
    if (row.null(column)) return std::nullopt;
    return row.instant(column);
}

std::vector<std::string> texts_in(std::string_view text)
{
    std::vector<std::string> texts;
    const json::value parsed = json::parse(json::string_view(text.data(), text.size()));
    for (const auto& item : parsed.as_array()) texts.emplace_back(item.as_string());
    return texts;
}

std::optional<LoginRow> login_of(Query row)
{
    if (!row.next()) return std::nullopt;
    LoginRow login;
    login.key = row.string(0);
    login.user_name = row.string(1);
    login.password = row.string(2);
    login.changed = row.instant(3);
    login.one_time = row.flag(4);
    login.valid_until = maybe(row, 5);
    login.wrong = static_cast<unsigned>(row.integer(6));
    login.locked_until = maybe(row, 7);
    login.lock_reason = row.string(8);
    login.last_login = maybe(row, 9);
    login.warned = row.integer(10);
    login.totp = std::string(row.blob(11));
    login.totp_step = static_cast<std::uint64_t>(row.integer(12));
    login.recovery = texts_in(row.text(13));
    login.reset_wrong = static_cast<unsigned>(row.integer(14));
    login.reset_locked = row.flag(15);
    login.reset_asks = row.string(16);
    login.generation = static_cast<std::uint64_t>(row.integer(17));
    return login;
}

Case case_of(const Query& row)
{
    Case found;
    found.number = row.integer(0);
    found.at = row.instant(1);
    found.kind = row.string(2);
    found.about = row.string(3);
    found.organisation = row.string(4);
    found.opened_by = row.string(5);
    found.text = row.string(6);
    found.state = row.string(7);
    found.first_by = row.string(8);
    found.closed = maybe(row, 9);
    found.closed_by = row.string(10);
    found.outcome = row.string(11);
    return found;
}

}  // namespace

std::optional<LoginRow> read_login(Database& database, const std::string& key)
{
    return login_of(
        database.query("SELECT key, user_name, password, changed, one_time, valid_until, wrong, locked_until, "
                       "lock_reason, last_login, "
                       "warned, totp, totp_step, recovery, reset_wrong, reset_locked, reset_asks, generation FROM "
                       "logins WHERE key = ?",
                       key));
}

std::optional<LoginRow> find_login(Database& database, const std::string& name)
{
    auto login = login_of(database.query(
        "SELECT key, user_name, password, changed, one_time, valid_until, wrong, locked_until, lock_reason, "
        "last_login, "
        "warned, totp, totp_step, recovery, reset_wrong, reset_locked, reset_asks, generation FROM logins "
        "WHERE user_name = ?",
        name));
    return login ? login : read_login(database, name);
}

void write_login(Database& database, const LoginRow& login)
{
    database.run(
        "INSERT OR REPLACE INTO logins(key, user_name, password, changed, one_time, valid_until, wrong, locked_until, "
        "lock_reason, last_login, warned, totp, totp_step, recovery, reset_wrong, reset_locked, reset_asks, "
        "generation) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        login.key, login.user_name, login.password, login.changed, login.one_time, login.valid_until, login.wrong,
        login.locked_until, login.lock_reason, login.last_login, login.warned, Blob{login.totp}, login.totp_step,
        json::serialize(json::value_from(login.recovery)), login.reset_wrong, login.reset_locked, login.reset_asks,
        login.generation);
}

std::map<std::string, std::string> read_facts(Database& database, const std::string& key)
{
    std::map<std::string, std::string> facts;
    auto rows = database.query("SELECT question, answer FROM facts WHERE key = ?", key);
    while (rows.next()) facts.emplace(rows.string(0), rows.string(1));
    return facts;
}

std::vector<std::string> read_former(Database& database, const std::string& key, std::size_t at_most)
{
    std::vector<std::string> former;
    auto rows =
        database.query("SELECT password FROM former_passwords WHERE key = ? ORDER BY at DESC LIMIT ?", key, at_most);
    while (rows.next()) former.push_back(rows.string(0));
    return former;
}

void add_former(Database& database, const std::string& key, Instant at, const std::string& password, std::size_t keep)
{
    database.run("INSERT OR REPLACE INTO former_passwords(key, at, password) VALUES(?, ?, ?)", key, at, password);
    database.run(
        "DELETE FROM former_passwords WHERE key = ?1 AND at NOT IN "
        "(SELECT at FROM former_passwords WHERE key = ?1 ORDER BY at DESC LIMIT ?2)",
        key, keep);
}

std::int64_t open_case(Database& database, const Case& opened)
{
    database.run(
        "INSERT INTO cases(at, kind, about, organisation, opened_by, text, state, first_by) "
        "VALUES(?, ?, ?, ?, ?, ?, 'open', ?)",
        opened.at, opened.kind, opened.about, opened.organisation, opened.opened_by, opened.text, opened.first_by);
    return database.last_rowid();
}

std::vector<Case> read_cases(Database& database, bool closed_too)
{
    std::vector<Case> found;
    auto rows = database.query(
        "SELECT number, at, kind, about, organisation, opened_by, text, state, first_by, closed, closed_by, outcome "
        "FROM cases WHERE state = 'open' OR ? ORDER BY number DESC LIMIT 1000",
        closed_too);
    while (rows.next()) found.push_back(case_of(rows));
    return found;
}

std::optional<Case> read_case(Database& database, std::int64_t number)
{
    auto rows = database.query(
        "SELECT number, at, kind, about, organisation, opened_by, text, state, first_by, closed, closed_by, outcome "
        "FROM cases WHERE number = ?",
        number);
    if (!rows.next()) return std::nullopt;
    return case_of(rows);
}

void write_case(Database& database, const Case& changed)
{
    database.run("UPDATE cases SET state = ?, first_by = ?, closed = ?, closed_by = ?, outcome = ? WHERE number = ?",
                 changed.state, changed.first_by, changed.closed, changed.closed_by, changed.outcome, changed.number);
}

}  // namespace postern::directory
