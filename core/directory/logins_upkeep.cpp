// What happens to logins in time: activity is kept, warnings fall due, who is away is locked, what is over is
// forgotten.
//
// Whom it concerns is looked up by a reader, so that nothing waits for the search; the writer then changes what is
// still as it was seen.
#include "directory/logins_impl.hpp"

#include <algorithm>

namespace postern::directory {

using store::Database;

namespace {

constexpr std::size_t most_at_a_time = 2000;

/// A login that a warning may be due to.
struct Candidate {
    std::string key, address;
    Instant counts_from{};    ///< the password's change, or the last activity
    std::int64_t warned = 0;  ///< microseconds before the end of which was told last; 0: nothing was
    const Duration* due = nullptr;
};

/// The shortest of the declared times that has begun; null: none has, or the end is past.
const Duration* stage_of(const std::vector<Duration>& steps, Instant end, Instant now)
{
    const Duration* stage = nullptr;
    if (now < end)
        for (const auto& before : steps)
            if (now >= end - before) stage = &before;
    return stage;
}

}  // namespace

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
    using Candidates = std::vector<Candidate>;
    if (!rules.password_age || rules.warn.empty()) co_return Warnings{};
    std::function<Result<Candidates>(Database&)> looking = [rules, now](Database& database) {
        Candidates found;
        auto rows = database.query(
            "SELECT l.key, e.address, l.changed, l.warned FROM logins l JOIN entries e ON e.key = l.key "
            "WHERE l.one_time = 0 AND e.status = 'active' AND l.changed <= ?",
            now - *rules.password_age + rules.warn.front());
        while (rows.next() && found.size() < most_at_a_time) {
            const auto warned = rows.integer(3);
            const auto* due = stage_of(rules.warn, rows.instant(2) + *rules.password_age, now);
            if (due && (warned == 0 || warned > due->count()))
                found.push_back({rows.string(0), rows.string(1), rows.instant(2), warned, due});
        }
        // The steps live in this call's rules.
        for (auto& one : found) one.warned = one.due->count(), one.due = nullptr;
        return Result<Candidates>(std::move(found));
    };
    auto found = co_await impl_->directory.overview->run<Candidates>(std::move(looking));
    if (!found) co_return std::unexpected(found.error());
    if (found->empty()) co_return Warnings{};
    std::function<Result<Warnings>(Database&)> work = [found = *found, rules](Database& database) {
        Warnings due;
        for (const auto& one : found)
            if (database.run("UPDATE logins SET warned = ? WHERE key = ? AND changed = ?", one.warned, one.key,
                             one.counts_from) > 0)
                due.push_back({one.address, one.counts_from + *rules.password_age, Duration(one.warned)});
        return Result<Warnings>(std::move(due));
    };
    co_return co_await impl_->write<Warnings>(std::move(work));
}

Logins::Async<Result<std::vector<ExpiryWarning>>> Logins::due_idle_warnings(Rules rules, Instant now)
{
    using Warnings = std::vector<ExpiryWarning>;
    using Candidates = std::vector<Candidate>;
    if (!rules.inactive || rules.warn_idle.empty()) co_return Warnings{};
    std::function<Result<Candidates>(Database&)> looking = [rules, now](Database& database) {
        Candidates found;
        auto rows = database.query(
            "SELECT l.key, e.address, max(coalesce(a.at, 0), l.changed, coalesce(l.last_login, 0)) AS seen, "
            "l.warned_idle FROM logins l JOIN entries e ON e.key = l.key LEFT JOIN activity a ON a.key = l.key "
            "WHERE l.one_time = 0 AND l.lock_reason != 'inactive' AND e.status = 'active' AND "
            "(l.warned_idle != 0 OR seen <= ?)",
            now - *rules.inactive + rules.warn_idle.front());
        while (rows.next() && found.size() < most_at_a_time) {
            const auto warned = rows.integer(3);
            const auto* due = stage_of(rules.warn_idle, rows.instant(2) + *rules.inactive, now);
            // Who came back is warned anew another time.
            if (due ? warned == 0 || warned > due->count() : warned != 0)
                found.push_back({rows.string(0), rows.string(1), rows.instant(2), due ? due->count() : 0, nullptr});
        }
        return Result<Candidates>(std::move(found));
    };
    auto found = co_await impl_->directory.overview->run<Candidates>(std::move(looking));
    if (!found) co_return std::unexpected(found.error());
    if (found->empty()) co_return Warnings{};
    std::function<Result<Warnings>(Database&)> work = [found = *found, rules](Database& database) {
        Warnings due;
        for (const auto& one : found) {
            const bool there = database.run("UPDATE logins SET warned_idle = ? WHERE key = ?", one.warned, one.key) > 0;
            if (there && one.warned != 0)
                due.push_back({one.address, one.counts_from + *rules.inactive, Duration(one.warned)});
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

Logins::Async<Result<void>> Logins::forget_what_is_over(Rules rules, Instant now)
{
    std::function<Result<void>(Database&)> work = [rules, now](Database& database) {
        database.run("DELETE FROM sessions WHERE begun < ? OR used < ?", now - rules.session_longest,
                     now - rules.session_idle);
        database.run("DELETE FROM mailed_codes WHERE until < ?", now);
        database.run("DELETE FROM address_codes WHERE until < ?", now);
        constexpr auto a_year = std::chrono::hours{24 * 365};
        database.run("DELETE FROM resets_of_nobody WHERE at < ?", now - a_year);
        database.run("DELETE FROM mailed_codes_sent WHERE at < ?", now - rules.mailed_code.at_most.per);
        return Result<void>();
    };
    co_return co_await impl_->write<void>(std::move(work));
}

}  // namespace postern::directory
