#include "directory/logins.hpp"

#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::directory {

namespace {

using store::Database;

bool is_usable(const DirectoryEntryPtr& entry)
{
    return entry && entry->kind == EntryKind::user &&
           (entry->status == EntryStatus::active || entry->status == EntryStatus::invited);
}

constexpr std::string_view idle = "inactive";

/// Who was away for long comes in again by their second factor; nothing else opens a lock but time and people.
bool is_locked(const LoginRow& login, Instant now)
{
    return (login.locked_until && now < *login.locked_until) || (login.lock_reason == idle && !has_factor(login));
}

bool is_too_old(const LoginRow& login, const vocabulary::LoginRules& rules, Instant now)
{
    return rules.password_age && now - login.changed > *rules.password_age;
}

/// A wrong attempt is counted; true: it locks the login now.
bool count_wrong(LoginRow& login, const vocabulary::LoginRules& rules, Instant now)
{
    if (++login.wrong < rules.wrong_answers) return false;
    login.wrong = 0;
    login.locked_until = now + rules.locked_for;
    if (login.lock_reason != idle) login.lock_reason = "wrong answers";
    return true;
}

/// Whether the rules want a second factor of this person: for what they are, or for a role that they hold.
bool needs_factor(Database& database, const DirectoryEntry& entry, const vocabulary::SecondFactorRule& rule)
{
    const std::string& key = entry.address.key();
    if (rule.everybody || rule.organisations.contains(entry.organisation)) return true;
    if (rule.administrators && rule.administrators->contains(key)) return true;
    if (rule.roles.empty()) return false;
    auto rows = database.query("SELECT role FROM grants WHERE key = ?", key);
    while (rows.next())
        if (const auto role = vocabulary::role_named(rows.text(0)); role && rule.roles.contains(*role)) return true;
    return false;
}

/// What is known of an attempt before the writer is asked.
struct Attempt {
    std::string name;  ///< as it is looked up
    bool right = false;
    std::string code;
    MatchedCode matched;
    std::string hash;      ///< that the password was held against
    std::string stronger;  ///< of the same password, where the hash was weaker than ours or another's
};

/// Judges an attempt whose password was right or wrong, and writes what follows.
class Judgement {
public:
    Judgement(Database& database, const Attempt& attempt, const vocabulary::LoginRules& rules, Instant now)
        : database_(database), attempt_(attempt), rules_(rules), now_(now)
    {
    }

    LoginAnswer give()
    {
        auto login = find_login(database_, attempt_.name);
        entry_ = login ? read_entry(database_, login->key) : nullptr;
        if (!login || !is_usable(entry_)) {
            const auto shown = printable(attempt_.name, 100);
            append_audit(database_,
                         login_record(shown, "login", shown, "failed", now_, login ? "not active" : "no such login"));
            return {};
        }
        // A lock takes no notice of what is right, and is not made longer.
        if (is_locked(*login, now_)) return refuse("locked");
        if (login->locked_until) {
            login->locked_until.reset();
            if (login->lock_reason != idle) login->lock_reason.clear();
        }
        // It may have been changed since it was read.
        if (!attempt_.right || login->password != attempt_.hash) return count(*login, "wrong");
        if (login->valid_until && now_ >= *login->valid_until) return refuse("a one-time password that ran out");
        if (has_factor(*login)) {
            if (attempt_.code.empty()) return ask_code(*login);
            if (!take_code(*login)) return count(*login, "wrong code");
        }
        return let_in(*login);
    }

private:
    LoginAnswer refuse(std::string_view why)
    {
        note("failed", why);
        return {};
    }

    LoginAnswer count(LoginRow& login, std::string_view what)
    {
        LoginAnswer answer;
        answer.locked_now = count_wrong(login, rules_, now_);
        write_login(database_, login);
        answer.address = entry_->address.text();
        answer.organisation = entry_->organisation;
        note("failed", fmt::format("{}{}", what, answer.locked_now ? ", and locked now" : ""));
        return answer;
    }

    static LoginAnswer ask_code(const LoginRow& login)
    {
        LoginAnswer answer;
        answer.outcome = LoginAnswer::Outcome::needs_code;
        answer.by_program = !login.totp.empty();
        answer.by_mail = login.mailed_factor;
        return answer;
    }

    bool take_code(LoginRow& login)
    {
        if (!login.totp.empty() && take_program_code(login, attempt_.code, now_)) return true;
        if (std::erase(login.recovery, attempt_.matched.recovery) > 0) return true;
        return login.mailed_factor && take_mailed_code(database_, login.key, attempt_.matched, false, rules_, now_);
    }

    LoginAnswer let_in(LoginRow& login)
    {
        const std::string& address = entry_->address.text();
        const bool was_idle = login.lock_reason == idle;
        login.wrong = 0;
        login.last_login = now_;
        login.lock_reason.clear();
        if (!attempt_.stronger.empty()) login.password = attempt_.stronger;
        write_login(database_, login);
        database_.run("INSERT OR REPLACE INTO activity(key, at) VALUES(?, ?)", login.key, now_);
        if (was_idle) {
            auto record = login_record(address, "unlock_login", address, "done", now_, "by the second factor");
            record.organisation = entry_->organisation;
            append_audit(database_, std::move(record));
        }
        LoginAnswer answer;
        answer.address = address;
        answer.organisation = entry_->organisation;
        answer.generation = login.generation;
        answer.outcome = LoginAnswer::Outcome::granted;
        std::string_view detail;
        if (login.one_time || is_too_old(login, rules_, now_)) {
            answer.outcome = LoginAnswer::Outcome::must_change;
            detail = "must change the password";
        } else if (!has_factor(login) && needs_factor(database_, *entry_, rules_.second_factor)) {
            answer.outcome = LoginAnswer::Outcome::must_set_factor;
            detail = "must set up a second factor";
        }
        note("done", detail);
        return answer;
    }

    void note(const char* outcome, std::string_view detail)
    {
        const std::string& address = entry_->address.text();
        auto record = login_record(address, "login", address, outcome, now_, std::string(detail));
        record.organisation = entry_->organisation;
        append_audit(database_, std::move(record));
    }

    Database& database_;
    const Attempt& attempt_;
    const vocabulary::LoginRules& rules_;
    Instant now_;
    DirectoryEntryPtr entry_;
};

}  // namespace

std::string normal_name(const std::string& typed)
{
    const auto address = mail::Address::parse(trim(typed));
    return address ? address->key() : to_lower(trim(typed));
}

bool has_factor(const LoginRow& login) noexcept
{
    return !login.totp.empty() || login.mailed_factor;
}

AuditRecord login_record(const std::string& actor, std::string act, const std::string& target, std::string outcome,
                         Instant at, std::string detail)
{
    AuditRecord record;
    record.at = at;
    record.actor = actor;
    record.act = std::move(act);
    record.target = target;
    record.outcome = std::move(outcome);
    record.detail = std::move(detail);
    return record;
}

Logins::Logins(Directory::Impl& directory) : impl_(std::make_unique<Impl>(directory)) {}
Logins::~Logins() = default;

Logins::Async<Result<LoginAnswer>> Logins::check(Credentials given, Rules rules, Instant now)
{
    struct Kept {
        std::string password, mailed;
        std::vector<std::string> recovery;
        bool one_time = false;
    };
    const std::string name = normal_name(given.user_name);
    std::function<Result<Kept>(Database&)> reading = [name](Database& database) {
        const OneView view(database);
        Kept kept;
        if (auto login = find_login(database, name)) {
            kept.password = login->password;
            kept.one_time = login->one_time;
            kept.recovery = std::move(login->recovery);
            if (auto mailed = read_mailed_code(database, login->key)) kept.mailed = std::move(mailed->code);
        }
        return Result<Kept>(std::move(kept));
    };
    auto kept = co_await impl_->read<Kept>(std::move(reading));
    if (!kept) co_return std::unexpected(kept.error());
    std::function<Result<Attempt>()> verifying = [kept = *kept, name, given] {
        Attempt attempt;
        attempt.name = name;
        attempt.code = given.code;
        attempt.hash = kept.password;
        attempt.right = !kept.password.empty() && verify_password(kept.password, given.password);
        const bool ours = is_as_strong_as_ours(kept.password);
        // A cheaper hash must not be seen in the time either.
        if (!attempt.right && !ours) pretend_to_verify(given.password);
        if (attempt.right) attempt.matched = match_code(kept.recovery, kept.mailed, given.code);
        // One that was brought along by an import becomes one of ours.
        if (attempt.right && !ours && !kept.one_time)
            attempt.stronger = hash_password(given.password, Strength::chosen);
        return Result<Attempt>(std::move(attempt));
    };
    auto attempt = co_await impl_->hash<Attempt>(std::move(verifying));
    if (!attempt) co_return std::unexpected(attempt.error());
    std::function<Result<LoginAnswer>(Database&)> writing = [attempt = std::move(*attempt), rules,
                                                             now](Database& database) {
        return Result<LoginAnswer>(Judgement(database, attempt, rules, now).give());
    };
    co_return co_await impl_->write<LoginAnswer>(std::move(writing));
}

Logins::Async<Result<std::optional<mail::Address>>> Logins::owner_of_name(std::string user_name)
{
    using Owner = std::optional<mail::Address>;
    std::function<Result<Owner>(Database&)> work = [name = normal_name(user_name)](Database& database) {
        const auto login = find_login(database, name);
        const auto entry = login ? read_entry(database, login->key) : nullptr;
        return Result<Owner>(entry ? Owner(entry->address) : Owner{});
    };
    co_return co_await impl_->read<Owner>(std::move(work));
}

Logins::Async<Result<std::optional<LoginState>>> Logins::state(mail::Address address)
{
    using Found = std::optional<LoginState>;
    std::function<Result<Found>(Database&)> work = [key = address.key()](Database& database) {
        const OneView view(database);
        const auto login = read_login(database, key);
        if (!login) return Result<Found>(Found{});
        LoginState state;
        state.user_name = login->user_name;
        state.changed = login->changed;
        state.one_time = login->one_time;
        state.by_program = !login->totp.empty();
        state.by_mail = login->mailed_factor;
        state.reset_locked = login->reset_locked;
        state.valid_until = login->valid_until;
        state.locked_until = login->locked_until;
        state.last_login = login->last_login;
        state.lock_reason = login->lock_reason;
        state.generation = login->generation;
        state.wrong = login->wrong;
        state.facts = read_facts(database, key).size();
        state.recovery_codes = login->recovery.size();
        auto sessions =
            database.query("SELECT count(*) FROM sessions WHERE key = ? AND generation = ?", key, login->generation);
        if (sessions.next()) state.sessions = static_cast<std::size_t>(sessions.integer(0));
        return Result<Found>(std::move(state));
    };
    co_return co_await impl_->read<Found>(std::move(work));
}

Logins::Async<Result<std::vector<std::string>>> Logins::mistakes(mail::Address address, std::string password,
                                                                 Rules rules)
{
    struct Known {
        std::vector<std::string> own, former;
    };
    std::function<Result<Known>(Database&)> reading = [key = address.key(), rules](Database& database) {
        Known known;
        const OneView view(database);
        if (const auto entry = read_entry(database, key)) known.own = words_of(*entry);
        known.former = read_former(database, key, rules.password_history);
        if (const auto login = read_login(database, key)) {
            known.own.push_back(login->user_name);
            known.former.push_back(login->password);
        }
        return Result<Known>(std::move(known));
    };
    auto known = co_await impl_->read<Known>(std::move(reading));
    if (!known) co_return std::unexpected(known.error());
    auto words = impl_->refused.at(rules.refused_words);
    using Mistakes = std::vector<std::string>;
    std::function<Result<Mistakes>()> judging = [known = *known, words, password, rules] {
        auto found = password_mistakes(password, rules, known.own, *words);
        if (std::ranges::any_of(known.former, [&](const auto& hash) { return verify_password(hash, password); }))
            found.push_back(fmt::format("it is the one in use, or one of the {} before", rules.password_history));
        return Result<Mistakes>(std::move(found));
    };
    co_return co_await impl_->hash<Mistakes>(std::move(judging));
}

Logins::Async<Result<void>> Logins::change(Credentials given, std::string fresh, Rules rules, Instant now)
{
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->outcome == LoginAnswer::Outcome::needs_code)
        co_return fault(Retry::never, "a code of the second factor is asked for");
    if (answer->outcome == LoginAnswer::Outcome::refused) co_return fault(Retry::never, std::string(refused_text));
    auto address = mail::Address::parse(answer->address);
    if (!address) co_return std::unexpected(address.error());
    auto wrong = co_await mistakes(*address, fresh, rules);
    if (!wrong) co_return std::unexpected(wrong.error());
    if (!wrong->empty())
        co_return fault(Retry::never, fmt::format("this password can't be taken: {}", fmt::join(*wrong, "; ")));
    std::function<Result<std::string>()> hashing = [fresh] {
        return Result<std::string>(hash_password(fresh, Strength::chosen));
    };
    auto hash = co_await impl_->hash<std::string>(std::move(hashing));
    if (!hash) co_return std::unexpected(hash.error());
    std::function<Result<void>(Database&)> writing =
        [directory = &impl_->directory, key = address->key(), hash = *hash, rules, now,
         generation = answer->generation](Database& database) -> Result<void> {
        auto login = read_login(database, key);
        auto standing = read_standing(database, key);
        if (!login || !standing.entry) return fault(Retry::never, std::string(refused_text));
        // Hashing took its time: a reset or another change came first, and what was given is the old password now.
        if (login->generation != generation)
            return fault(Retry::never, "the login was changed meanwhile; log in with what it is now, and try again");
        if (!login->one_time) add_former(database, key, now, login->password, rules.password_history);
        login->password = hash;
        login->changed = now;
        login->one_time = false;
        login->valid_until.reset();
        login->warned = 0;
        ++login->generation;
        write_login(database, *login);
        auto entry = *standing.entry;
        if (entry.status == EntryStatus::invited) {
            entry.status = EntryStatus::active;
            write_entry(database, entry, entry.address.text(), now, rules.non_secure_rests);
            database.run("INSERT INTO edits(key) VALUES(?)", key);
            database.after_commit([directory] { directory->entries_changed(); });
        }
        auto record = login_record(entry.address.text(), "change_password", entry.address.text(), "done", now);
        record.organisation = entry.organisation;
        append_audit(database, std::move(record));
        return {};
    };
    co_return co_await impl_->write<void>(std::move(writing));
}

}  // namespace postern::directory
