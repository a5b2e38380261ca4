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
    login.mailed_factor = row.flag(18);
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
    if (const auto asks = row.text(12); !asks.empty()) {
        const json::value parsed = json::parse(json::string_view(asks.data(), asks.size()));
        found.who = std::string(parsed.at("who").as_string());
        if (const auto* until = parsed.as_object().if_contains("until")) found.until = from_micros(until->as_int64());
    }
    return found;
}

}  // namespace

std::optional<LoginRow> read_login(Database& database, const std::string& key)
{
    return login_of(database.query(
        "SELECT key, user_name, password, changed, one_time, valid_until, wrong, locked_until, lock_reason, "
        "last_login, "
        "warned, totp, totp_step, recovery, reset_wrong, reset_locked, reset_asks, generation, mailed_factor "
        "FROM logins WHERE key = ?",
        key));
}

std::optional<LoginRow> find_login(Database& database, const std::string& name)
{
    auto login = login_of(database.query(
        "SELECT key, user_name, password, changed, one_time, valid_until, wrong, locked_until, lock_reason, "
        "last_login, "
        "warned, totp, totp_step, recovery, reset_wrong, reset_locked, reset_asks, generation, mailed_factor "
        "FROM logins WHERE user_name = ?",
        name));
    return login ? login : read_login(database, name);
}

void write_login(Database& database, const LoginRow& login)
{
    database.run(
        "INSERT INTO logins(key, user_name, password, changed, one_time, valid_until, wrong, locked_until, "
        "lock_reason, last_login, "
        "warned, totp, totp_step, recovery, reset_wrong, reset_locked, reset_asks, generation, mailed_factor) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(key) DO UPDATE SET user_name = excluded.user_name, password = excluded.password, "
        "changed = excluded.changed, one_time = excluded.one_time, valid_until = excluded.valid_until, "
        "wrong = excluded.wrong, locked_until = excluded.locked_until, lock_reason = excluded.lock_reason, "
        "last_login = excluded.last_login, warned = excluded.warned, totp = excluded.totp, "
        "totp_step = excluded.totp_step, recovery = excluded.recovery, reset_wrong = "
        "excluded.reset_wrong, reset_locked = excluded.reset_locked, reset_asks = excluded.reset_asks, "
        "generation = excluded.generation, mailed_factor = excluded.mailed_factor",
        login.key, login.user_name, login.password, login.changed, login.one_time, login.valid_until, login.wrong,
        login.locked_until, login.lock_reason, login.last_login, login.warned, Blob{login.totp}, login.totp_step,
        json::serialize(json::value_from(login.recovery)), login.reset_wrong, login.reset_locked, login.reset_asks,
        login.generation, login.mailed_factor);
}

std::optional<MailedCodeRow> read_mailed_code(Database& database, const std::string& key)
{
    auto row = database.query("SELECT code, until, wrong, sets_up FROM mailed_codes WHERE key = ?", key);
    if (!row.next()) return std::nullopt;
    return MailedCodeRow{key, row.string(0), row.instant(1), static_cast<unsigned>(row.integer(2)), row.flag(3)};
}

void write_mailed_code(Database& database, const MailedCodeRow& row)
{
    database.run("INSERT OR REPLACE INTO mailed_codes(key, code, until, wrong, sets_up) VALUES(?, ?, ?, ?, ?)", row.key,
                 row.code, row.until, row.wrong, row.sets_up);
}

void forget_mailed_code(Database& database, const std::string& key)
{
    database.run("DELETE FROM mailed_codes WHERE key = ?", key);
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
    std::string asks;
    if (!opened.who.empty()) {
        json::object object{{"who", opened.who}};
        if (opened.until) object["until"] = to_micros(*opened.until);
        asks = json::serialize(object);
    }
    database.run(
        "INSERT INTO cases(at, kind, about, organisation, opened_by, text, state, first_by, asks) "
        "VALUES(?, ?, ?, ?, ?, ?, 'open', ?, ?)",
        opened.at, opened.kind, opened.about, opened.organisation, opened.opened_by, opened.text, opened.first_by,
        asks);
    return database.last_rowid();
}

std::vector<Case> read_cases(Database& database, bool closed_too)
{
    std::vector<Case> found;
    auto rows = database.query(
        "SELECT number, at, kind, about, organisation, opened_by, text, state, first_by, closed, closed_by, outcome, "
        "asks FROM cases WHERE state = 'open' OR ? ORDER BY number DESC LIMIT 1000",
        closed_too);
    while (rows.next()) found.push_back(case_of(rows));
    return found;
}

std::optional<Case> read_case(Database& database, std::int64_t number)
{
    auto rows = database.query(
        "SELECT number, at, kind, about, organisation, opened_by, text, state, first_by, closed, closed_by, outcome, "
        "asks FROM cases WHERE number = ?",
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
