#include "directory/logins.hpp"

#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::directory {

namespace {

using store::Database;

constexpr std::string_view refused_text = "the user name, the password or the code is wrong, or the login is locked";
constexpr std::uint64_t totp_period = 30;

/// A name as it is looked up: user names and address keys are in small letters.
std::string normal_name(const std::string& typed)
{
    const auto address = mail::Address::parse(trim(typed));
    return address ? address->key() : to_lower(trim(typed));
}

bool is_usable(const DirectoryEntryPtr& entry)
{
    return entry && entry->kind == EntryKind::user &&
           (entry->status == EntryStatus::active || entry->status == EntryStatus::invited);
}

bool is_locked(const LoginRow& login, Instant now)
{
    return (login.locked_until && now < *login.locked_until) || login.lock_reason == "inactive";
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
    login.lock_reason = "wrong answers";
    return true;
}

/// Judges an attempt whose password was right or wrong, and writes what follows.
LoginAnswer conclude(Database& database, const std::string& name, bool right, const std::string& code,
                     const vocabulary::LoginRules& rules, Instant now)
{
    LoginAnswer answer;
    auto login = find_login(database, name);
    const auto entry = login ? read_entry(database, login->key) : nullptr;
    if (!login || !is_usable(entry)) {
        append_audit(database, login_record(printable(name, 100), "login", printable(name, 100), "failed", now,
                                            login ? "not active" : "no such login"));
        return answer;
    }
    const std::string address = entry->address.text();
    const auto refuse = [&](const char* why) {
        auto record = login_record(address, "login", address, "failed", now, why);
        record.organisation = entry->organisation;
        append_audit(database, std::move(record));
    };
    // A lock takes no notice of what is right, and is not made longer.
    if (is_locked(*login, now)) return refuse("locked"), answer;
    if (login->locked_until) login->locked_until.reset(), login->lock_reason.clear();
    if (!right) {
        answer.locked_now = count_wrong(*login, rules, now);
        write_login(database, *login);
        answer.address = address;
        answer.organisation = entry->organisation;
        return refuse(answer.locked_now ? "wrong, and locked now" : "wrong"), answer;
    }
    if (login->valid_until && now >= *login->valid_until) return refuse("a one-time password that ran out"), answer;
    const bool has_factor = !login->totp.empty();
    if (has_factor && code.empty()) {
        answer.outcome = LoginAnswer::Outcome::needs_code;
        return answer;
    }
    if (has_factor && !take_code(*login, code, now)) {
        answer.locked_now = count_wrong(*login, rules, now);
        write_login(database, *login);
        return refuse(answer.locked_now ? "wrong code, and locked now" : "wrong code"), answer;
    }
    login->wrong = 0;
    login->last_login = now;
    write_login(database, *login);
    database.run("INSERT OR REPLACE INTO activity(key, at) VALUES(?, ?)", login->key, now);
    const bool must_change = login->one_time || is_too_old(*login, rules, now);
    answer.outcome = must_change ? LoginAnswer::Outcome::must_change : LoginAnswer::Outcome::granted;
    answer.address = address;
    answer.organisation = entry->organisation;
    answer.generation = login->generation;
    auto record = login_record(address, "login", address, "done", now, must_change ? "must change the password" : "");
    record.organisation = entry->organisation;
    append_audit(database, std::move(record));
    return answer;
}

}  // namespace

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

bool take_code(LoginRow& login, const std::string& typed, Instant now)
{
    const std::string code(trim(typed));
    const auto step = static_cast<std::uint64_t>(to_micros(now) / 1'000'000) / totp_period;
    // One step either way, for clocks that differ; never the same or an earlier one twice (RFC 6238 section 5.2).
    for (std::uint64_t at = step - 1; at <= step + 1; ++at)
        if (at > login.totp_step && equal_secrets(totp_code(login.totp, at), code)) {
            login.totp_step = at;
            return true;
        }
    for (auto one = login.recovery.begin(); one != login.recovery.end(); ++one)
        if (verify_password(*one, to_lower(code))) {
            login.recovery.erase(one);
            return true;
        }
    return false;
}

Logins::Logins(Directory::Impl& directory) : impl_(std::make_unique<Impl>(directory)) {}
Logins::~Logins() = default;

Logins::Async<Result<LoginAnswer>> Logins::check(Credentials given, Rules rules, Instant now)
{
    const std::string name = normal_name(given.user_name);
    std::function<Result<std::string>(Database&)> reading = [name](Database& database) {
        const auto login = find_login(database, name);
        return Result<std::string>(login ? login->password : std::string{});
    };
    auto kept = co_await impl_->read<std::string>(std::move(reading));
    if (!kept) co_return std::unexpected(kept.error());
    std::function<Result<bool>()> verifying = [hash = *kept, password = given.password] {
        if (!hash.empty() && verify_password(hash, password)) return Result<bool>(true);
        // A given password's hash is cheaper, and that must not be seen either.
        if (hash.find("m=65536,") == std::string::npos) pretend_to_verify(password);
        return Result<bool>(false);
    };
    auto right = co_await impl_->hash<bool>(std::move(verifying));
    if (!right) co_return std::unexpected(right.error());
    std::function<Result<LoginAnswer>(Database&)> writing = [name, right = *right, code = given.code, rules,
                                                             now](Database& database) {
        return Result<LoginAnswer>(conclude(database, name, right, code, rules, now));
    };
    co_return co_await impl_->write<LoginAnswer>(std::move(writing));
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
        state.second_factor = !login->totp.empty();
        state.reset_locked = login->reset_locked;
        state.valid_until = login->valid_until;
        state.locked_until = login->locked_until;
        state.last_login = login->last_login;
        state.lock_reason = login->lock_reason;
        state.generation = login->generation;
        state.wrong = login->wrong;
        state.facts = read_facts(database, key).size();
        state.recovery_codes = login->recovery.size();
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
    std::function<Result<void>(Database&)> writing = [directory = &impl_->directory, key = address->key(), hash = *hash,
                                                      rules, now](Database& database) -> Result<void> {
        auto login = read_login(database, key);
        auto standing = read_standing(database, key);
        if (!login || !standing.entry) return fault(Retry::never, std::string(refused_text));
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
            write_entry(database, entry, entry.address.text(), now);
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

void Logins::active(const std::string& key, Instant now)
{
    constexpr std::size_t most_remembered = 500'000;
    const std::lock_guard lock(impl_->mutex);
    if (impl_->seen.size() < most_remembered) impl_->seen[key] = now;
}

Logins::Async<Result<void>> Logins::keep_activity()
{
    std::unordered_map<std::string, Instant> seen;
    {
        const std::lock_guard lock(impl_->mutex);
        seen.swap(impl_->seen);
    }
    if (seen.empty()) co_return Result<void>{};
    std::function<Result<void>(Database&)> work = [&seen](Database& database) {
        for (const auto& [key, at] : seen)
            database.run("INSERT INTO activity(key, at) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET at = excluded.at",
                         key, at);
        return Result<void>();
    };
    co_return co_await impl_->write<void>(std::move(work));
}

Logins::Async<Result<std::vector<ExpiryWarning>>> Logins::due_warnings(Rules rules, Instant now)
{
    using Warnings = std::vector<ExpiryWarning>;
    if (!rules.password_age || rules.warn.empty()) co_return Warnings{};
    std::function<Result<Warnings>(Database&)> work = [rules, now](Database& database) {
        Warnings due;
        struct Candidate {
            std::string key, address, non_secure;
            Instant changed{};
            std::int64_t warned = 0;
        };
        std::vector<Candidate> candidates;
        {
            auto rows = database.query(
                "SELECT l.key, e.address, e.non_secure, l.changed, l.warned FROM logins l JOIN entries e ON e.key = "
                "l.key "
                "WHERE l.one_time = 0 AND e.status = 'active' AND l.changed <= ?",
                now - *rules.password_age + rules.warn.front());
            while (rows.next())
                candidates.push_back(
                    {rows.string(0), rows.string(1), rows.string(2), rows.instant(3), rows.integer(4)});
        }
        for (const auto& one : candidates) {
            const Instant runs_out = one.changed + *rules.password_age;
            // The shortest of the declared times that has begun, and was not told yet.
            const Duration* stage = nullptr;
            for (const auto& before : rules.warn)
                if (now >= runs_out - before) stage = &before;
            if (stage == nullptr || now >= runs_out) continue;
            if (one.warned != 0 && one.warned <= stage->count()) continue;
            due.push_back({one.address, one.non_secure, runs_out, *stage});
            database.run("UPDATE logins SET warned = ? WHERE key = ?", stage->count(), one.key);
        }
        return Result<Warnings>(std::move(due));
    };
    co_return co_await impl_->write<Warnings>(std::move(work));
}

Logins::Async<Result<std::vector<std::string>>> Logins::lock_inactive(Rules rules, Instant now)
{
    using Addresses = std::vector<std::string>;
    if (!rules.inactive) co_return Addresses{};
    std::function<Result<Addresses>(Database&)> work = [rules, now](Database& database) {
        Addresses locked;
        std::vector<std::pair<std::string, std::string>> found;
        {
            auto rows = database.query(
                "SELECT l.key, e.address FROM logins l JOIN entries e ON e.key = l.key LEFT JOIN activity a ON a.key = "
                "l.key WHERE l.lock_reason != 'inactive' AND l.one_time = 0 AND "
                "max(coalesce(a.at, 0), l.changed, coalesce(l.last_login, 0)) < ? LIMIT 1000",
                now - *rules.inactive);
            while (rows.next()) found.emplace_back(rows.string(0), rows.string(1));
        }
        for (const auto& [key, address] : found) {
            database.run("UPDATE logins SET lock_reason = 'inactive', generation = generation + 1 WHERE key = ?", key);
            append_audit(database, login_record("postern", "lock_login", address, "done", now, "inactive"));
            locked.push_back(address);
        }
        return Result<Addresses>(std::move(locked));
    };
    co_return co_await impl_->write<Addresses>(std::move(work));
}

}  // namespace postern::directory
