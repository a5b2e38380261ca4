// Who is known by facts alone: the questions that people answer, and what the helpdesk may do when they are right.
//
// Whoever asks here must not learn who has a login: a name that nobody has is asked questions of the same list, as
// many, always the same; its wrong answers cost the same, count and escalate as anybody's.
#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::directory {

namespace {

namespace json = boost::json;
using store::Database;
using Questions = std::vector<std::string>;
using Answers = std::map<std::string, std::string>;

Questions texts_in(const std::string& text)
{
    Questions texts;
    if (text.empty()) return texts;
    const auto parsed = json::parse(text);
    for (const auto& item : parsed.as_array()) texts.emplace_back(item.as_string());
    return texts;
}

/// Kept in the store, and in its backups: a restart must not change what nobody is asked.
std::string question_secret(Database& database)
{
    database.run("INSERT OR IGNORE INTO secrets(name, value) VALUES('made-up questions', ?)",
                 store::Blob{random_bytes(32)});
    auto row = database.query("SELECT value FROM secrets WHERE name = 'made-up questions'");
    return row.next() ? std::string(row.blob(0)) : std::string{};
}

/// As many as are asked, in an order that only the secret knows.
Questions choose(Questions all, const std::string& secret, const std::string& key, std::size_t count)
{
    std::ranges::sort(all, {},
                      [&](const std::string& question) { return keyed_digest(secret, key + "\n" + question); });
    all.resize(std::min(count, all.size()));
    std::ranges::sort(all);
    return all;
}

/// Wrong answers in somebody's name, whether or not there is a login.
struct Tries {
    std::optional<LoginRow> login;
    unsigned wrong = 0;
    bool locked = false;
};

Tries read_tries(Database& database, const std::string& key)
{
    Tries tries;
    tries.login = read_login(database, key);
    if (tries.login) {
        tries.wrong = tries.login->reset_wrong;
        tries.locked = tries.login->reset_locked;
        return tries;
    }
    auto row = database.query("SELECT wrong, locked FROM resets_of_nobody WHERE key = ?", key);
    if (row.next()) {
        tries.wrong = static_cast<unsigned>(row.integer(0));
        tries.locked = row.flag(1);
    }
    return tries;
}

void write_tries(Database& database, const std::string& key, Tries tries, Instant at)
{
    if (!tries.login) {
        database.run("INSERT OR REPLACE INTO resets_of_nobody(key, wrong, locked, at) VALUES(?, ?, ?, ?)", key,
                     tries.wrong, tries.locked, at);
        return;
    }
    tries.login->reset_wrong = tries.wrong;
    tries.login->reset_locked = tries.locked;
    write_login(database, *tries.login);
}

std::optional<std::int64_t> open_case_about(Database& database, const std::string& address)
{
    auto row = database.query(
        "SELECT number FROM cases WHERE state = 'open' AND kind = 'reset' AND about = ? ORDER BY number LIMIT 1",
        address);
    if (!row.next()) return std::nullopt;
    return row.integer(0);
}

std::int64_t open_reset_case(Database& database, const AuditRecord& record, const std::string& asked_for)
{
    Case opened;
    opened.at = record.at;
    opened.kind = "reset";
    opened.about = record.target;
    opened.organisation = record.organisation;
    opened.opened_by = record.actor;
    opened.first_by = record.actor;  // who could not confirm the facts is not who does without them
    opened.text = "security data could not be confirmed";
    if (asked_for != record.target) opened.text += fmt::format("; asked for as {}", asked_for);
    return open_case(database, opened);
}

/// What the audit says of an act, before its outcome is known.
AuditRecord about(Database& database, const AuditRecord& audit, const mail::Address& address)
{
    auto record = audit;
    record.target = address.text();
    if (const auto entry = read_entry(database, address.key())) record.organisation = entry->organisation;
    return record;
}

/// Answers that were not right. Once too many have been counted a case is open, and each further call hears its number.
ResetAnswer count_no(Database& database, Tries tries, AuditRecord record, const vocabulary::LoginRules& rules,
                     const std::string& key, const std::string& asked_for)
{
    ResetAnswer answer;
    const bool was_locked = tries.locked;
    if (!tries.locked) tries.locked = ++tries.wrong >= rules.reset_wrong;
    record.outcome = "failed";
    record.detail = was_locked ? "the reset is locked"
                               : fmt::format("answers not confirmed, {} of {}", tries.wrong, rules.reset_wrong);
    if (!tries.login) record.detail += "; no such login";
    if (tries.locked) {
        answer.case_number = open_case_about(database, record.target);
        answer.case_is_new = !answer.case_number;
        if (answer.case_is_new)
            answer.case_number = open_reset_case(database, record, asked_for.empty() ? record.target : asked_for);
        record.detail += fmt::format("; case {}", *answer.case_number);
    }
    write_tries(database, key, std::move(tries), record.at);
    append_audit(database, std::move(record));
    return answer;
}

/// The question as the policy spells it; nothing: it is none of these.
std::optional<std::string> declared(const std::string& question, const Questions& all)
{
    const auto found = std::ranges::find_if(all, [&](const std::string& one) { return iequals(one, trim(question)); });
    if (found == all.end()) return std::nullopt;
    return *found;
}

Result<Answers> normal_facts(const Answers& facts, const vocabulary::LoginRules& rules)
{
    Answers normal;
    for (const auto& [question, typed] : facts) {
        const auto known = declared(question, rules.reset_questions);
        if (!known)
            return fault(Retry::never, fmt::format("\"{}\" is none of the questions of this service, which are: {}",
                                                   printable(question, 200), fmt::join(rules.reset_questions, " ")));
        auto kept = normal_answer(typed);
        if (kept.size() < 3)
            return fault(Retry::never, fmt::format("\"{}\": an answer has at least 3 letters or digits", *known));
        normal.emplace(*known, std::move(kept));
    }
    const std::size_t least = rules.reset_facts + 1;
    if (normal.size() < least)
        return fault(Retry::never,
                     fmt::format("at least {} questions and answers, so that not always the same are asked", least));
    return normal;
}

}  // namespace

Logins::Async<Result<void>> Logins::set_facts(Credentials given, Answers facts, Rules rules, Instant now)
{
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->outcome == LoginAnswer::Outcome::must_set_factor)
        co_return fault(Retry::never, "set up a second factor first");
    if (answer->outcome != LoginAnswer::Outcome::granted && answer->outcome != LoginAnswer::Outcome::must_change)
        co_return fault(Retry::never, std::string(refused_text));
    auto normal = normal_facts(facts, rules);
    if (!normal) co_return std::unexpected(normal.error());
    std::function<Result<Answers>()> hashing = [normal = *normal] {
        Answers hashed;
        for (const auto& [question, typed] : normal) hashed.emplace(question, hash_password(typed, Strength::chosen));
        return Result<Answers>(std::move(hashed));
    };
    auto hashed = co_await impl_->hash<Answers>(std::move(hashing));
    if (!hashed) co_return std::unexpected(hashed.error());
    auto address = mail::Address::parse(answer->address);
    if (!address) co_return std::unexpected(address.error());
    std::function<Result<void>(Database&)> work = [key = address->key(), who = address->text(), hashed = *hashed,
                                                   now](Database& database) {
        database.run("DELETE FROM facts WHERE key = ?", key);
        for (const auto& [question, kept] : hashed)
            database.run("INSERT INTO facts(key, question, answer) VALUES(?, ?, ?)", key, question, kept);
        database.run("UPDATE logins SET reset_asks = '' WHERE key = ?", key);
        append_audit(database,
                     login_record(who, "set_facts", who, "done", now, fmt::format("{} facts", hashed.size())));
        return Result<void>();
    };
    co_return co_await impl_->write<void>(std::move(work));
}

Logins::Async<Result<std::vector<std::string>>> Logins::reset_questions(mail::Address address, Rules rules)
{
    std::function<Result<Questions>(Database&)> work = [key = address.key(), rules](Database& database) {
        auto login = read_login(database, key);
        // The first time costs a write, whoever is asked for.
        if (!login) {
            database.run("INSERT OR IGNORE INTO resets_of_nobody(key) VALUES(?)", key);
            return Result<Questions>(choose(rules.reset_questions, question_secret(database), key, rules.reset_facts));
        }
        if (auto asked = texts_in(login->reset_asks); asked.size() == rules.reset_facts)
            return Result<Questions>(std::move(asked));
        const auto facts = read_facts(database, key);
        Questions known;
        for (const auto& [question, kept] : facts) known.push_back(question);
        auto asked = known.size() < rules.reset_facts
                         ? choose(rules.reset_questions, question_secret(database), key, rules.reset_facts)
                         : choose(std::move(known), random_bytes(32), key, rules.reset_facts);
        login->reset_asks = json::serialize(json::value_from(asked));
        write_login(database, *login);
        return Result<Questions>(std::move(asked));
    };
    co_return co_await impl_->write<Questions>(std::move(work));
}

// All are verified, whichever is wrong and whoever it is: neither the answer nor its time tells.
Logins::Async<Result<bool>> Logins::Impl::answers_are_right(std::string key, Answers answers, std::size_t count)
{
    struct Pair {
        std::string hash, typed;
    };
    using Pairs = std::vector<Pair>;
    std::function<Result<Pairs>(Database&)> reading = [key, answers, count](Database& database) {
        const OneView view(database);
        Pairs pairs;
        const auto login = read_login(database, key);
        if (login && !login->reset_locked) {
            const auto facts = read_facts(database, key);
            for (const auto& question : texts_in(login->reset_asks)) {
                const auto fact = facts.find(question);
                const auto typed = answers.find(question);
                pairs.push_back({fact == facts.end() ? std::string{} : fact->second,
                                 typed == answers.end() ? std::string{} : normal_answer(typed->second)});
            }
        }
        pairs.resize(std::max(pairs.size(), count));  // without a hash nothing is right
        return Result<Pairs>(std::move(pairs));
    };
    auto pairs = co_await read<Pairs>(std::move(reading));
    if (!pairs) co_return std::unexpected(pairs.error());
    std::function<Result<bool>()> verifying = [pairs = std::move(*pairs)] {
        bool right = true;
        for (const auto& [hash, typed] : pairs) {
            if (hash.empty()) pretend_to_verify(typed);
            right = !hash.empty() && verify_password(hash, typed) && right;
        }
        return Result<bool>(right);
    };
    co_return co_await hash<bool>(std::move(verifying));
}

Logins::Async<Result<ResetAnswer>> Logins::reset(mail::Address address, Answers answers, Rules rules, AuditRecord audit)
{
    auto right = co_await impl_->answers_are_right(address.key(), std::move(answers), rules.reset_facts);
    if (!right) co_return std::unexpected(right.error());
    std::function<Result<Made>()> making_one = make_one;
    auto made = co_await impl_->hash<Made>(std::move(making_one));
    if (!made) co_return std::unexpected(made.error());
    std::function<Result<ResetAnswer>(Database&)> writing = [address, right = *right, made = *made, rules,
                                                             audit](Database& database) {
        auto record = about(database, audit, address);
        auto tries = read_tries(database, address.key());
        if (!tries.login || !right || tries.locked)
            return Result<ResetAnswer>(
                count_no(database, std::move(tries), std::move(record), rules, address.key(), audit.target));
        ResetAnswer answer;
        answer.confirmed = true;
        answer.given = give(database, std::move(*tries.login), made, rules, audit.at);
        record.outcome = "done";
        record.detail = "one-time password after known facts; sessions ended";
        append_audit(database, std::move(record));
        return Result<ResetAnswer>(std::move(answer));
    };
    co_return co_await impl_->write<ResetAnswer>(std::move(writing));
}

Logins::Async<Result<ResetAnswer>> Logins::unlock_by_facts(mail::Address address, Answers answers, Rules rules,
                                                           AuditRecord audit)
{
    auto right = co_await impl_->answers_are_right(address.key(), std::move(answers), rules.reset_facts);
    if (!right) co_return std::unexpected(right.error());
    std::function<Result<ResetAnswer>(Database&)> writing = [address, right = *right, rules,
                                                             audit](Database& database) {
        auto record = about(database, audit, address);
        auto tries = read_tries(database, address.key());
        if (!tries.login || !right || tries.locked)
            return Result<ResetAnswer>(
                count_no(database, std::move(tries), std::move(record), rules, address.key(), audit.target));
        ResetAnswer answer;
        answer.confirmed = true;
        tries.login->reset_wrong = 0;
        tries.login->reset_asks.clear();  // what was said once is not asked at once again
        answer.was_locked = open_lock(database, *tries.login, audit.at);
        record.outcome = "done";
        record.detail = answer.was_locked ? "after known facts" : "after known facts; it was not locked";
        append_audit(database, std::move(record));
        return Result<ResetAnswer>(std::move(answer));
    };
    co_return co_await impl_->write<ResetAnswer>(std::move(writing));
}

}  // namespace postern::directory
