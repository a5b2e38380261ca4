// What people decide: resets that could not be confirmed, second factors, exceptional access to somebody's mailbox.
#include "base/text.hpp"
#include "directory/logins_impl.hpp"

#include <fmt/format.h>

namespace postern::directory {

using store::Database;

namespace {

Access access_of(const store::Query& row)
{
    Access access{.number = row.integer(0),
                  .about = row.string(1),
                  .who = row.string(2),
                  .reason = row.string(3),
                  .begun = row.instant(4),
                  .until = {},
                  .ended = {}};
    if (!row.null(5)) access.until = row.instant(5);
    if (!row.null(6)) access.ended = row.instant(6);
    return access;
}

/// Whether an actor, "clerk@x.example (by root)", is that person.
bool is_of(std::string_view actor, std::string_view address)
{
    return !address.empty() && iequals(actor.substr(0, actor.find(' ')), address);
}

void give_access(Database& database, const Access& access, const std::string& key)
{
    database.run("INSERT INTO accesses(key, who, reason, begun, until) VALUES(?, ?, ?, ?, ?)", key, access.who,
                 access.reason, access.begun, access.until);
}

/// What granting a case does.
Result<std::optional<GivenPassword>> carry_out(Database& database, const Case& granted, const Made& made,
                                               const vocabulary::LoginRules& rules, Instant now)
{
    const auto address = mail::Address::parse(granted.about);
    if (!address) return std::unexpected(address.error());
    std::optional<GivenPassword> given;
    if (granted.kind == "second_factor") {
        if (auto taken = take_factor_away(database, address->key()); !taken) return std::unexpected(taken.error());
    } else if (granted.kind == "exceptional_access") {
        if (granted.until && *granted.until <= now)
            return fault(Retry::never, "the time that was asked for is over; ask again");
        Access access{.about = granted.about,
                      .who = granted.who,
                      .reason = granted.text,
                      .begun = now,
                      .until = granted.until,
                      .ended = {}};
        give_access(database, access, address->key());
    } else {
        auto login = read_login(database, address->key());
        if (!login) return fault(Retry::never, "there is no such login");
        given = give(database, std::move(*login), made, rules, now);
    }
    return given;
}

}  // namespace

Logins::Async<Result<std::vector<Case>>> Logins::cases(bool closed_too)
{
    std::function<Result<std::vector<Case>>(Database&)> work = [closed_too](Database& database) {
        return Result<std::vector<Case>>(read_cases(database, closed_too));
    };
    co_return co_await impl_->read<std::vector<Case>>(std::move(work));
}

Logins::Async<Result<std::optional<Case>>> Logins::find_case(std::int64_t number)
{
    std::function<Result<std::optional<Case>>(Database&)> work = [number](Database& database) {
        return Result<std::optional<Case>>(read_case(database, number));
    };
    co_return co_await impl_->read<std::optional<Case>>(std::move(work));
}

Logins::Async<Result<Decided>> Logins::decide(std::int64_t number, bool grant, std::string reason, Rules rules,
                                              AuditRecord audit)
{
    std::function<Result<Made>()> making_one = make_one;
    auto made = co_await impl_->hash<Made>(std::move(making_one));
    if (!made) co_return std::unexpected(made.error());
    std::function<Result<Decided>(Database&)> work = [number, grant, reason, rules, audit,
                                                      made = *made](Database& database) -> Result<Decided> {
        auto found = read_case(database, number);
        if (!found || found->state != "open")
            return fault(Retry::never, fmt::format("there is no open case {}", number));
        // Who asked for what needs two can withdraw it, and no more; nor does anybody decide about themselves.
        const bool asked_first = found->first_by == audit.actor || found->first_by == consent_of(audit);
        if (grant && !found->first_by.empty() && asked_first)
            return fault(Retry::never, "you asked for this; a second person must agree");
        const bool of_them = is_of(audit.actor, found->about) || is_of(audit.actor, found->who) ||
                             is_of(consent_of(audit), found->about) || is_of(consent_of(audit), found->who);
        if (grant && of_them) return fault(Retry::never, "this is about you; somebody else must agree");
        Decided decided;
        if (grant) {
            auto done = carry_out(database, *found, made, rules, audit.at);
            if (!done) return std::unexpected(done.error());
            decided.given = std::move(*done);
        }
        found->state = "closed";
        found->closed = audit.at;
        found->closed_by = audit.actor;
        found->outcome = grant ? "granted" : "refused";
        if (!reason.empty()) found->outcome += ": " + reason;
        write_case(database, *found);
        auto record = audit;
        record.target = found->about;
        record.organisation = found->organisation;
        record.detail = fmt::format("case {} {}", number, found->outcome);
        if (!found->who.empty()) record.detail += fmt::format("; for {}", found->who);
        append_audit(database, std::move(record));
        decided.now = std::move(*found);
        return decided;
    };
    co_return co_await impl_->write<Decided>(std::move(work));
}

// --- exceptional access ----------------------------------------------------------------------------------------------

Logins::Async<Result<std::optional<std::int64_t>>> Logins::ask_access(Access wanted, bool two, AuditRecord audit)
{
    using Number = std::optional<std::int64_t>;
    std::function<Result<Number>(Database&)> work = [wanted, two, audit](Database& database) -> Result<Number> {
        const auto about = mail::Address::parse(wanted.about), who = mail::Address::parse(wanted.who);
        if (!about || !who) return fault(Retry::never, "whose mailbox, and who is to read it, are addresses");
        const auto entry = read_entry(database, about->key());
        if (!entry || (entry->kind != EntryKind::user && entry->kind != EntryKind::group))
            return fault(Retry::never, fmt::format("{} is no mailbox of the directory", wanted.about));
        const auto reader = read_entry(database, who->key());
        if (!reader || reader->kind != EntryKind::user || reader->status != EntryStatus::active)
            return fault(Retry::never, fmt::format("{} is no active user of the directory", wanted.who));
        auto record = audit;
        record.target = wanted.about;
        record.organisation = entry->organisation;
        record.detail = fmt::format("for {} until {}: {}", wanted.who,
                                    wanted.until ? to_iso8601(*wanted.until) : "it is taken away", wanted.reason);
        Number number;
        if (two) {
            Case opened;
            opened.at = audit.at;
            opened.kind = "exceptional_access";
            opened.about = wanted.about;
            opened.organisation = entry->organisation;
            opened.opened_by = audit.actor;
            opened.first_by = consent_of(audit);
            opened.text = wanted.reason;
            opened.who = wanted.who;
            opened.until = wanted.until;
            number = open_case(database, opened);
            record.outcome = "asked";
            record.detail = fmt::format("case {}: {}", *number, record.detail);
        } else {
            auto access = wanted;
            access.begun = audit.at;
            give_access(database, access, about->key());
        }
        append_audit(database, std::move(record));
        return number;
    };
    co_return co_await impl_->write<Number>(std::move(work));
}

Logins::Async<Result<std::vector<Access>>> Logins::accesses(std::optional<mail::Address> about, bool all, Instant now)
{
    using Accesses = std::vector<Access>;
    std::function<Result<Accesses>(Database&)> work = [about, all, now](Database& database) {
        Accesses found;
        auto rows = database.query(
            "SELECT a.number, coalesce(e.address, a.key), a.who, a.reason, a.begun, a.until, a.ended FROM accesses a "
            "LEFT JOIN entries e ON e.key = a.key WHERE (?1 = '' OR a.key = ?1) AND "
            "(?2 OR (a.ended IS NULL AND (a.until IS NULL OR a.until > ?3))) ORDER BY a.number DESC LIMIT 1000",
            about ? about->key() : std::string{}, all, now);
        while (rows.next()) found.push_back(access_of(rows));
        return Result<Accesses>(std::move(found));
    };
    co_return co_await impl_->read<Accesses>(std::move(work));
}

Logins::Async<Result<std::optional<Access>>> Logins::end_access(std::int64_t number, AuditRecord audit)
{
    using Ended = std::optional<Access>;
    std::function<Result<Ended>(Database&)> work = [number, audit](Database& database) {
        Ended ended;
        {
            auto row = database.query(
                "SELECT a.number, coalesce(e.address, a.key), a.who, a.reason, a.begun, a.until, a.ended FROM accesses "
                "a LEFT JOIN entries e ON e.key = a.key WHERE a.number = ? AND a.ended IS NULL",
                number);
            if (row.next()) ended = access_of(row);
        }
        if (!ended) return Result<Ended>(ended);
        database.run("UPDATE accesses SET ended = ? WHERE number = ?", audit.at, number);
        ended->ended = audit.at;
        auto record = audit;
        record.target = ended->about;
        record.detail = fmt::format("access {} of {} ended", number, ended->who);
        append_audit(database, std::move(record));
        return Result<Ended>(std::move(ended));
    };
    co_return co_await impl_->write<Ended>(std::move(work));
}

}  // namespace postern::directory
