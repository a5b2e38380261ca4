// The address outside that a person is told things at: a code is mailed there, and they tell it after logging in.
//
// Nothing else proves that they read mail there. The code opens nothing by itself: it is taken from nobody but its
// owner, with their password, so whoever reads the letter by mistake has no use for it.
#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>

namespace postern::directory {

using store::Database;

namespace {

constexpr std::size_t code_digits = 8;

struct AddressCode {
    std::string address, code;  ///< code: a hash
    Instant until{};
    unsigned wrong = 0;
};

std::optional<AddressCode> read_address_code(Database& database, const std::string& key)
{
    auto row = database.query("SELECT address, code, until, wrong FROM address_codes WHERE key = ?", key);
    if (!row.next()) return std::nullopt;
    return AddressCode{row.string(0), row.string(1), row.instant(2), static_cast<unsigned>(row.integer(3))};
}

void forget_address_code(Database& database, const std::string& key)
{
    database.run("DELETE FROM address_codes WHERE key = ?", key);
}

/// Codes of every kind that are mailed in one person's name.
Result<void> count_mailed(Database& database, const std::string& key, const vocabulary::Rate& limit, Instant now)
{
    database.run("DELETE FROM mailed_codes_sent WHERE key = ? AND at <= ?", key, now - limit.per);
    auto sent = database.query("SELECT count(*) FROM mailed_codes_sent WHERE key = ?", key);
    if (sent.next() && sent.integer(0) >= static_cast<std::int64_t>(limit.count))
        return fault(Retry::never, fmt::format("no more than {} codes are sent; wait for the last one, or ask again "
                                               "later",
                                               vocabulary::print_rate(limit)));
    database.run("INSERT INTO mailed_codes_sent(key, at) VALUES(?, ?)", key, now);
    return {};
}

bool waits(const DirectoryEntryPtr& entry)
{
    return entry && entry->status != EntryStatus::removed && !entry->non_secure.empty() &&
           !entry->non_secure_history.confirmed;
}

}  // namespace

Logins::Async<Result<std::optional<CodeToMail>>> Logins::new_address_code(mail::Address address, Rules rules,
                                                                          Instant now)
{
    using ToMail = std::optional<CodeToMail>;
    std::function<Result<Made>()> making = [] {
        Made made;
        made.password = make_code(code_digits);
        made.hash = hash_password(made.password, Strength::given);
        return Result<Made>(std::move(made));
    };
    auto made = co_await impl_->hash<Made>(std::move(making));
    if (!made) co_return std::unexpected(made.error());
    std::function<Result<ToMail>(Database&)> work = [key = address.key(), made = *made, rules,
                                                     now](Database& database) -> Result<ToMail> {
        auto entry = read_entry(database, key);
        if (!waits(entry)) return ToMail{};
        if (auto counted = count_mailed(database, key, rules.mailed_code.at_most, now); !counted)
            return std::unexpected(counted.error());
        const Instant until = now + rules.one_time_valid;
        database.run("INSERT OR REPLACE INTO address_codes(key, address, code, until) VALUES(?, ?, ?, ?)", key,
                     entry->non_secure, made.hash, until);
        auto record =
            login_record("postern", "mail_code", entry->address.text(), "done", now, "to confirm the address outside");
        record.organisation = entry->organisation;
        append_audit(database, std::move(record));
        return ToMail(CodeToMail{std::move(entry), made.password, until});
    };
    co_return co_await impl_->write<ToMail>(std::move(work));
}

Logins::Async<Result<void>> Logins::confirm_address(Credentials given, std::string code, Rules rules, Instant now)
{
    using Outcome = LoginAnswer::Outcome;
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->outcome == Outcome::needs_code)
        co_return fault(Retry::never, "a code of the second factor is asked for");
    if (answer->outcome == Outcome::refused) co_return fault(Retry::never, std::string(refused_text));
    auto address = mail::Address::parse(answer->address);
    if (!address) co_return std::unexpected(address.error());
    std::function<Result<std::string>(Database&)> reading = [key = address->key()](Database& database) {
        const auto sent = read_address_code(database, key);
        return Result<std::string>(sent ? sent->code : std::string{});
    };
    auto sent = co_await impl_->read<std::string>(std::move(reading));
    if (!sent) co_return std::unexpected(sent.error());
    std::function<Result<bool>()> verifying = [sent = *sent, typed = std::string(trim(code))] {
        return Result<bool>(!sent.empty() && verify_password(sent, typed));
    };
    auto right = co_await impl_->hash<bool>(std::move(verifying));
    if (!right) co_return std::unexpected(right.error());
    std::function<Result<bool>(Database&)> work = [directory = &impl_->directory, key = address->key(),
                                                   who = address->text(), hash = *sent, right = *right, rules,
                                                   now](Database& database) {
        const auto waiting = read_address_code(database, key);
        const auto entry = read_entry(database, key);
        // It may be another code, or another address, than the one that was looked at.
        const bool taken = right && waiting && waiting->code == hash && now < waiting->until && waits(entry) &&
                           entry->non_secure == waiting->address;
        auto record = login_record(who, "confirm_address", who, taken ? "done" : "failed", now);
        if (entry) record.organisation = entry->organisation;
        if (taken) {
            database.run("UPDATE entries SET non_secure_confirmed = 1 WHERE key = ?", key);
            forget_address_code(database, key);
            database.after_commit([directory] { directory->entries_changed(); });
        } else if (waiting && waiting->wrong + 1 < rules.mailed_code.tries) {
            database.run("UPDATE address_codes SET wrong = wrong + 1 WHERE key = ?", key);
        } else {
            forget_address_code(database, key);
        }
        append_audit(database, std::move(record));
        return Result<bool>(taken);
    };
    auto taken = co_await impl_->write<bool>(std::move(work));
    if (!taken) co_return std::unexpected(taken.error());
    if (!*taken)
        co_return fault(Retry::never,
                        "this is not the newest code that was mailed to your address outside, or its time is over; ask "
                        "for another: postern user mail-address-code");
    co_return Result<void>{};
}

}  // namespace postern::directory
