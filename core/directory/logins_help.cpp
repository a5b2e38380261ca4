// Logins that are given, forgotten or locked: invitations, known facts, resets against them.
#include "base/digest.hpp"
#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace postern::directory {

namespace {

namespace json = boost::json;
using store::Database;

/// What is asked where nothing is known, so that the questions tell nobody whether there is such a login.
constexpr std::array<const char*, 8> usual_questions{"What was the name of your first school?",
                                                     "In which town were you born?",
                                                     "What was your first car?",
                                                     "What is the middle name of your oldest cousin?",
                                                     "Which was the first street that you lived in?",
                                                     "What was the name of your first pet?",
                                                     "Who was your favourite teacher?",
                                                     "What was your first job?"};

std::vector<std::string> texts_in(const std::string& text)
{
    std::vector<std::string> texts;
    const auto parsed = json::parse(text);
    for (const auto& item : parsed.as_array()) texts.emplace_back(item.as_string());
    return texts;
}

/// The same ones for the same address, without a secret of ours showing in which.
std::vector<std::string> made_up_questions(const std::string& key, const std::string& secret, std::size_t count)
{
    std::vector<std::string> all(usual_questions.begin(), usual_questions.end());
    std::ranges::sort(all, {}, [&](const std::string& question) { return sha256_bytes(secret + key + question); });
    all.resize(std::min(count, all.size()));
    std::ranges::sort(all);
    return all;
}

std::string free_user_name(Database& database, const DirectoryEntry& entry)
{
    const std::string base = to_lower(entry.address.local()) + "." + entry.organisation;
    for (int number = 1;; ++number) {
        auto name = number == 1 ? base : fmt::format("{}.{}", base, number);
        if (!find_login(database, name)) return name;
    }
}

std::int64_t open_reset_case(Database& database, const std::string& address, const std::string& organisation,
                             const AuditRecord& audit, const std::string& text)
{
    Case opened;
    opened.at = audit.at;
    opened.kind = "reset";
    opened.about = address;
    opened.organisation = organisation;
    opened.opened_by = audit.actor;
    opened.first_by = audit.actor;  // who could not confirm the facts is not who does without them
    opened.text = text;
    return open_case(database, opened);
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

Logins::Async<Result<void>> Logins::set_facts(Credentials given, std::map<std::string, std::string> facts, Rules rules,
                                              Instant now)
{
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->outcome == LoginAnswer::Outcome::must_set_factor)
        co_return fault(Retry::never, "set up a second factor first");
    if (answer->outcome != LoginAnswer::Outcome::granted && answer->outcome != LoginAnswer::Outcome::must_change)
        co_return fault(Retry::never, std::string(refused_text));
    const std::size_t least = rules.reset_facts + 1;
    if (facts.size() < least || facts.size() > 20)
        co_return fault(Retry::never,
                        fmt::format("from {} to 20 questions and answers, so that not always the same are "
                                    "asked",
                                    least));
    std::map<std::string, std::string> normal;
    for (const auto& [question, typed] : facts) {
        auto kept = normal_answer(typed);
        if (kept.size() < 3 || question.size() < 5 || question.size() > 200 || printable(question) != question)
            co_return fault(Retry::never, "a question has 5 to 200 characters, an answer at least 3 letters or digits");
        normal.emplace(question, std::move(kept));
    }
    std::function<Result<std::map<std::string, std::string>>()> hashing = [normal] {
        std::map<std::string, std::string> hashed;
        for (const auto& [question, typed] : normal) hashed.emplace(question, hash_password(typed, Strength::chosen));
        return Result<std::map<std::string, std::string>>(std::move(hashed));
    };
    auto hashed = co_await impl_->hash<std::map<std::string, std::string>>(std::move(hashing));
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
    using Questions = std::vector<std::string>;
    static const std::string secret = random_bytes(32);
    std::function<Result<Questions>(Database&)> work = [key = address.key(), rules](Database& database) {
        auto login = read_login(database, key);
        const auto facts = login ? read_facts(database, key) : std::map<std::string, std::string>{};
        if (facts.size() < rules.reset_facts)
            return Result<Questions>(made_up_questions(key, secret, rules.reset_facts));
        if (!login->reset_asks.empty()) return Result<Questions>(texts_in(login->reset_asks));
        Questions all;
        for (const auto& [question, kept] : facts) all.push_back(question);
        const auto salt = random_bytes(16);
        std::ranges::sort(all, {}, [&](const std::string& question) { return sha256_bytes(salt + question); });
        all.resize(rules.reset_facts);
        std::ranges::sort(all);
        login->reset_asks = json::serialize(json::value_from(all));
        write_login(database, *login);
        return Result<Questions>(std::move(all));
    };
    co_return co_await impl_->write<Questions>(std::move(work));
}

Logins::Async<Result<ResetAnswer>> Logins::reset(mail::Address address, std::map<std::string, std::string> answers,
                                                 Rules rules, AuditRecord audit)
{
    struct Kept {
        std::vector<std::string> hashes;  ///< of what was asked, in order; empty where nothing could be confirmed
        std::vector<std::string> typed;
    };
    std::function<Result<Kept>(Database&)> reading = [key = address.key(), answers](Database& database) {
        const OneView view(database);
        Kept kept;
        const auto login = read_login(database, key);
        if (!login || login->reset_asks.empty() || login->reset_locked) return Result<Kept>(kept);
        const auto facts = read_facts(database, key);
        for (const auto& question : texts_in(login->reset_asks)) {
            const auto fact = facts.find(question);
            const auto typed = answers.find(question);
            kept.hashes.push_back(fact == facts.end() ? std::string{} : fact->second);
            kept.typed.push_back(typed == answers.end() ? std::string{} : normal_answer(typed->second));
        }
        return Result<Kept>(std::move(kept));
    };
    auto kept = co_await impl_->read<Kept>(std::move(reading));
    if (!kept) co_return std::unexpected(kept.error());
    // All are verified, whichever is wrong: neither the answer nor its time tells which.
    std::function<Result<bool>()> verifying = [kept = *kept, count = rules.reset_facts] {
        bool right = kept.hashes.size() >= count;
        for (std::size_t i = 0; i < std::max<std::size_t>(count, kept.hashes.size()); ++i) {
            const bool there = i < kept.hashes.size() && !kept.hashes[i].empty();
            const std::string typed = i < kept.typed.size() ? kept.typed[i] : std::string("-");
            if (!there) pretend_to_verify(typed);
            right = (there && verify_password(kept.hashes[i], typed)) && right;
        }
        return Result<bool>(right);
    };
    auto right = co_await impl_->hash<bool>(std::move(verifying));
    if (!right) co_return std::unexpected(right.error());
    std::function<Result<Made>()> making_one = make_one;
    auto made = co_await impl_->hash<Made>(std::move(making_one));
    if (!made) co_return std::unexpected(made.error());
    std::function<Result<ResetAnswer>(Database&)> writing = [address, right = *right, made = *made, rules,
                                                             audit](Database& database) {
        ResetAnswer result;
        auto record = audit;
        record.target = address.text();
        const auto entry = read_entry(database, address.key());
        if (entry) record.organisation = entry->organisation;
        auto login = read_login(database, address.key());
        record.outcome = "failed";
        if (login && right && !login->reset_locked) {
            result.given = give(database, std::move(*login), made, rules, audit.at);
            record.outcome = "done";
            record.detail = "one-time password after known facts; sessions ended";
        } else if (login && !login->reset_locked) {
            ++login->reset_wrong;
            record.detail = fmt::format("answers not confirmed, {} of {}", login->reset_wrong, rules.reset_wrong);
            if (login->reset_wrong >= rules.reset_wrong) {
                login->reset_locked = true;
                result.case_number = open_reset_case(database, address.text(), record.organisation, audit,
                                                     "security data could not be confirmed");
                record.detail += fmt::format("; case {}", *result.case_number);
            }
            write_login(database, *login);
        } else {
            record.detail = login ? "the reset is locked" : "no such login";
        }
        append_audit(database, std::move(record));
        return Result<ResetAnswer>(std::move(result));
    };
    co_return co_await impl_->write<ResetAnswer>(std::move(writing));
}

Logins::Async<Result<bool>> Logins::unlock(mail::Address address, AuditRecord audit)
{
    std::function<Result<bool>(Database&)> work = [address, audit](Database& database) {
        auto login = read_login(database, address.key());
        if (!login || (!login->locked_until && login->lock_reason.empty())) return Result<bool>(false);
        login->locked_until.reset();
        login->lock_reason.clear();
        login->wrong = 0;
        write_login(database, *login);
        database.run("INSERT OR REPLACE INTO activity(key, at) VALUES(?, ?)", address.key(), audit.at);
        auto record = audit;
        record.target = address.text();
        append_audit(database, std::move(record));
        return Result<bool>(true);
    };
    co_return co_await impl_->write<bool>(std::move(work));
}

}  // namespace postern::directory
