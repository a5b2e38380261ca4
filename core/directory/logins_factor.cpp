// Second factors: codes of an authenticator program (TOTP, RFC 6238) or by mail, recovery codes, how they are taken
// away.
#include "base/text.hpp"
#include "directory/logins_impl.hpp"
#include "directory/passwords.hpp"

#include <fmt/format.h>

namespace postern::directory {

using store::Database;

namespace {

constexpr std::size_t mailed_digits = 8;

/// Right, as far as it goes for who sets a factor up.
bool may_set_up(const LoginAnswer& answer)
{
    return answer.outcome == LoginAnswer::Outcome::granted || answer.outcome == LoginAnswer::Outcome::must_set_factor;
}

}  // namespace

Logins::Async<Result<NewFactor>> Logins::begin_factor(Credentials given, std::string issuer, Rules rules, Instant now)
{
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (!may_set_up(*answer)) co_return fault(Retry::never, "log in with a password of your own first");
    NewFactor factor;
    factor.secret = to_base32(random_bytes(20));
    factor.uri =
        fmt::format("otpauth://totp/{}:{}?secret={}&issuer={}", issuer, answer->address, factor.secret, issuer);
    co_return factor;
}

namespace {

std::string from_base32(std::string_view text)
{
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        std::uint32_t value = 0;
        if (c >= 'A' && c <= 'Z')
            value = static_cast<std::uint32_t>(c - 'A');
        else if (c >= '2' && c <= '7')
            value = static_cast<std::uint32_t>(c - '2') + 26;
        else
            return {};
        bits = (bits << 5U) | value;
        held += 5;
        if (held >= 8) {
            held -= 8;
            bytes += static_cast<char>((bits >> held) & 0xFFU);
        }
    }
    return bytes;
}

}  // namespace

bool take_program_code(LoginRow& login, const std::string& typed, Instant now)
{
    constexpr std::uint64_t period = 30;
    const std::string code(trim(typed));
    const auto step = static_cast<std::uint64_t>(to_micros(now) / 1'000'000) / period;
    // One step either way, for clocks that differ; never the same or an earlier one twice (RFC 6238 section 5.2).
    for (std::uint64_t at = step - 1; at <= step + 1; ++at)
        if (at > login.totp_step && equal_secrets(totp_code(login.totp, at), code)) {
            login.totp_step = at;
            return true;
        }
    return false;
}

MatchedCode match_code(const std::vector<std::string>& recovery, const std::string& mailed, const std::string& typed)
{
    MatchedCode matched;
    const std::string code = to_lower(trim(typed));
    const bool digits = code.find_first_not_of("0123456789") == std::string::npos;
    if (digits && code.size() == mailed_digits && !mailed.empty() && verify_password(mailed, code))
        matched.mailed = mailed;
    if (!digits)
        for (const auto& one : recovery)
            if (verify_password(one, code)) matched.recovery = one;
    return matched;
}

bool take_mailed_code(Database& database, const std::string& key, const MatchedCode& matched, bool sets_up,
                      const vocabulary::LoginRules& rules, Instant now)
{
    auto sent = read_mailed_code(database, key);
    if (!sent || sent->sets_up != sets_up) return false;
    const bool right = !matched.mailed.empty() && matched.mailed == sent->code && now < sent->until;
    if (right || now >= sent->until || ++sent->wrong >= rules.mailed_code.tries)
        forget_mailed_code(database, key);
    else
        write_mailed_code(database, *sent);
    return right;
}

Result<RecoveryCodes> make_recovery_codes()
{
    constexpr int most_codes = 10;
    RecoveryCodes made;
    for (int i = 0; i < most_codes; ++i) {
        made.codes.push_back(make_one_time_password());
        made.hashes.push_back(hash_password(made.codes.back(), Strength::given));
    }
    return made;
}

Logins::Async<Result<std::vector<std::string>>> Logins::confirm_factor(Credentials given, std::string secret,
                                                                       std::string code, Rules rules, Instant now)
{
    using Codes = std::vector<std::string>;
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (!may_set_up(*answer)) co_return fault(Retry::never, "log in with a password of your own first");
    LoginRow probe;
    probe.totp = from_base32(secret);
    if (probe.totp.size() < 16 || !take_program_code(probe, code, now))
        co_return fault(Retry::never, "this is not the code of that secret now; is the clock of your device right?");
    std::function<Result<RecoveryCodes>()> making = make_recovery_codes;
    auto made = co_await impl_->hash<RecoveryCodes>(std::move(making));
    if (!made) co_return std::unexpected(made.error());
    auto address = mail::Address::parse(answer->address);
    if (!address) co_return std::unexpected(address.error());
    std::function<Result<Codes>(Database&)> work = [key = address->key(), who = address->text(), probe, made = *made,
                                                    now](Database& database) -> Result<Codes> {
        auto login = read_login(database, key);
        if (!login) return fault(Retry::never, "the login is gone");
        login->totp = probe.totp;
        login->totp_step = probe.totp_step;
        login->recovery = made.hashes;
        ++login->generation;
        write_login(database, *login);
        append_audit(database, login_record(who, "set_second_factor", who, "done", now, "by an authenticator program"));
        return made.codes;
    };
    co_return co_await impl_->write<Codes>(std::move(work));
}

Result<void> take_factor_away(Database& database, const std::string& key)
{
    auto login = read_login(database, key);
    if (!login || !has_factor(*login)) return fault(Retry::never, "there is no second factor");
    login->mailed_factor = false;
    forget_mailed_code(database, key);
    login->totp.clear();
    login->totp_step = 0;
    login->recovery.clear();
    ++login->generation;
    write_login(database, *login);
    return {};
}

Logins::Async<Result<std::optional<std::int64_t>>> Logins::reset_factor(mail::Address address, bool two,
                                                                        std::string reason, AuditRecord audit)
{
    using Number = std::optional<std::int64_t>;
    std::function<Result<Number>(Database&)> work = [address, two, reason,
                                                     audit](Database& database) -> Result<Number> {
        auto record = audit;
        record.target = address.text();
        Number number;
        const auto entry = read_entry(database, address.key());
        if (entry) record.organisation = entry->organisation;
        if (two) {
            const auto login = read_login(database, address.key());
            if (!login || !has_factor(*login)) return fault(Retry::never, "there is no second factor");
            Case opened;
            opened.at = audit.at;
            opened.kind = "second_factor";
            opened.about = address.text();
            opened.organisation = record.organisation;
            opened.opened_by = audit.actor;
            opened.first_by = consent_of(audit);
            opened.text = reason;
            number = open_case(database, opened);
            record.outcome = "asked";
            record.detail = fmt::format("case {}: {}", *number, reason);
        } else if (auto taken = take_factor_away(database, address.key()); !taken) {
            return std::unexpected(taken.error());
        }
        append_audit(database, std::move(record));
        return number;
    };
    co_return co_await impl_->write<Number>(std::move(work));
}

// --- codes by mail ---------------------------------------------------------------------------------------------------

Logins::Async<Result<CodeToMail>> Logins::new_mailed_code(Credentials given, Rules rules, Instant now)
{
    using Outcome = LoginAnswer::Outcome;
    const bool had_code = !given.code.empty();
    const std::string name = normal_name(given.user_name);
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->outcome == Outcome::refused) co_return fault(Retry::never, std::string(refused_text));
    if (answer->outcome == Outcome::must_change) co_return fault(Retry::never, "choose a password of your own first");
    const bool logs_in = answer->outcome == Outcome::needs_code;
    if (logs_in && !answer->by_mail)
        co_return fault(Retry::never, had_code ? std::string(refused_text)
                                               : "this login's codes come from an authenticator program, not by mail");
    std::function<Result<Made>()> making = [] {
        Made made;
        made.password = make_code(mailed_digits);
        made.hash = hash_password(made.password, Strength::given);
        return Result<Made>(std::move(made));
    };
    auto made = co_await impl_->hash<Made>(std::move(making));
    if (!made) co_return std::unexpected(made.error());
    std::function<Result<CodeToMail>(Database&)> work = [name, logs_in, made = *made, rules,
                                                         now](Database& database) -> Result<CodeToMail> {
        const auto login = find_login(database, name);
        auto entry = login ? read_entry(database, login->key) : nullptr;
        if (!entry) return fault(Retry::never, std::string(refused_text));
        const auto& limit = rules.mailed_code.at_most;
        database.run("DELETE FROM mailed_codes_sent WHERE key = ? AND at <= ?", login->key, now - limit.per);
        auto sent = database.query("SELECT count(*) FROM mailed_codes_sent WHERE key = ?", login->key);
        if (sent.next() && sent.integer(0) >= static_cast<std::int64_t>(limit.count))
            return fault(Retry::never,
                         fmt::format("no more than {} codes are sent; wait for the last one, or ask again "
                                     "later",
                                     vocabulary::print_rate(limit)));
        CodeToMail code{entry, made.password, now + rules.mailed_code.valid};
        database.run("INSERT INTO mailed_codes_sent(key, at) VALUES(?, ?)", login->key, now);
        write_mailed_code(database, {login->key, made.hash, code.until, 0, !logs_in});
        auto record = login_record(entry->address.text(), "mail_code", entry->address.text(), "done", now,
                                   logs_in ? "to log in" : "to set codes by mail up");
        record.organisation = entry->organisation;
        append_audit(database, std::move(record));
        return code;
    };
    co_return co_await impl_->write<CodeToMail>(std::move(work));
}

Logins::Async<Result<std::vector<std::string>>> Logins::confirm_mailed(Credentials given, std::string code, Rules rules,
                                                                       Instant now)
{
    using Codes = std::vector<std::string>;
    auto answer = co_await check(std::move(given), rules, now);
    if (!answer) co_return std::unexpected(answer.error());
    if (!may_set_up(*answer)) co_return fault(Retry::never, "log in with a password of your own first");
    auto address = mail::Address::parse(answer->address);
    if (!address) co_return std::unexpected(address.error());
    std::function<Result<std::string>(Database&)> reading = [key = address->key()](Database& database) {
        const auto sent = read_mailed_code(database, key);
        return Result<std::string>(sent ? sent->code : std::string{});
    };
    auto sent = co_await impl_->read<std::string>(std::move(reading));
    if (!sent) co_return std::unexpected(sent.error());
    struct Looked {
        MatchedCode matched;
        RecoveryCodes fresh;
    };
    std::function<Result<Looked>()> looking = [sent = *sent, code]() -> Result<Looked> {
        Looked looked{match_code({}, sent, code), {}};
        if (looked.matched.mailed.empty()) return looked;
        auto fresh = make_recovery_codes();
        if (!fresh) return std::unexpected(fresh.error());
        looked.fresh = std::move(*fresh);
        return looked;
    };
    auto looked = co_await impl_->hash<Looked>(std::move(looking));
    if (!looked) co_return std::unexpected(looked.error());
    using Taken = std::optional<Codes>;
    std::function<Result<Taken>(Database&)> work = [key = address->key(), who = address->text(), looked = *looked,
                                                    rules, now](Database& database) -> Result<Taken> {
        if (!take_mailed_code(database, key, looked.matched, true, rules, now)) {
            append_audit(database, login_record(who, "set_second_factor", who, "failed", now, "wrong mailed code"));
            return Taken{};
        }
        auto login = read_login(database, key);
        if (!login) return fault(Retry::never, "the login is gone");
        login->mailed_factor = true;
        Codes fresh;
        if (login->recovery.empty()) {
            login->recovery = looked.fresh.hashes;
            fresh = looked.fresh.codes;
        }
        ++login->generation;
        write_login(database, *login);
        append_audit(database, login_record(who, "set_second_factor", who, "done", now, "by mailed codes"));
        return Taken(std::move(fresh));
    };
    auto done = co_await impl_->write<Taken>(std::move(work));
    if (!done) co_return std::unexpected(done.error());
    if (!*done) co_return fault(Retry::never, "this is not the newest code that was mailed, or its time is over");
    co_return std::move(**done);
}

}  // namespace postern::directory
