#include "directory/directory.hpp"

#include "directory/audit.hpp"
#include "directory/directory_impl.hpp"
#include "directory/schema.hpp"
#include "directory/suggestions.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <span>

namespace postern::directory {

namespace {

using namespace boost::asio::experimental::awaitable_operators;
using store::Database;

/// The third answer of a look-up: neither found nor absent.
Fault unavailable(const mail::Address& address, Fault cause)
{
    return fault(Retry::later, "the directory cannot be asked")
        .tell_peer(50, {3, 0}, "The directory is not available; please try again later")
        .about(address.text())
        .because(std::move(cause));
}

std::optional<Answer> read_answer(Database& database, std::string_view key)
{
    auto row = database.query("SELECT stands, until FROM remembered WHERE key = ?", key);
    if (!row.next()) return std::nullopt;
    return Answer{row.flag(0), row.instant(1)};
}

/// Each answer that comes takes a few lapsed ones away, so that no purge ever holds the writer.
void write_answer(Database& database, std::string_view key, const Answer& answer, Instant now)
{
    database.run(
        "DELETE FROM remembered WHERE key IN (SELECT key FROM remembered WHERE until <= ? ORDER BY until LIMIT 16)",
        now);
    database.run("INSERT OR REPLACE INTO remembered(key, stands, until) VALUES(?, ?, ?)", key, answer.exists,
                 answer.until);
}

AuditRecord import_record(const Difference& difference, const ImportDocument& document, const std::string& actor,
                          Instant at)
{
    AuditRecord record;
    record.at = at;
    record.actor = actor;
    record.act = "import_directory";
    record.target = document.file;
    record.outcome = "done";
    record.detail = fmt::format("{} added, {} changed, {} removed", difference.added.size(), difference.changed.size(),
                                difference.removed.size());
    return record;
}

Counts read_counts(Database& database)
{
    const OneView view(database);
    Counts counts;
    auto rows = database.query("SELECT status, kind, count(*) FROM entries GROUP BY status, kind");
    while (rows.next()) {
        const auto number = static_cast<std::uint64_t>(rows.integer(2));
        const auto status = vocabulary::entry_status_named(rows.text(0)).value_or(EntryStatus::removed);
        const auto kind = vocabulary::entry_kind_named(rows.text(1)).value_or(EntryKind::user);
        const std::array by_status{&counts.invited, &counts.active, &counts.suspended, &counts.removed};
        const std::array by_kind{&counts.users, &counts.functions, &counts.groups, &counts.lists};
        counts.entries += number;
        *by_status.at(static_cast<std::size_t>(status)) += number;
        *by_kind.at(static_cast<std::size_t>(kind)) += number;
    }
    auto others =
        database.query("SELECT (SELECT count(DISTINCT organisation) FROM entries), (SELECT count(*) FROM remembered)");
    if (others.next()) {
        counts.organisations = static_cast<std::uint64_t>(others.integer(0));
        counts.remembered = static_cast<std::uint64_t>(others.integer(1));
    }
    auto last = database.query("SELECT at, actor FROM imports ORDER BY number DESC LIMIT 1");
    if (last.next()) {
        counts.last_import = last.instant(0);
        counts.last_import_by = last.string(1);
    }
    return counts;
}

/// An address that memory does not know, and where its entry is to stand.
struct Asked {
    std::string key;
    DirectoryEntryPtr* entry;
};

constexpr std::size_t asked_at_once = 256;  // of a reader: some milliseconds, so that mail's own questions get between

/// One question after the other; ends with the first that fails.
Directory::Async<void> look_up_all(Directory::Impl& impl, std::span<const Asked> asked, std::optional<Fault>& failed)
{
    using Entries = std::vector<DirectoryEntryPtr>;
    while (!asked.empty()) {
        const auto now = asked.first(std::min(asked.size(), asked_at_once));
        std::function<Result<Entries>(Database&)> work = [&impl, now](Database& database) {
            const OneView view(database);
            Entries found;
            found.reserve(now.size());
            for (const auto& one : now) found.push_back(impl.look_up(database, one.key));
            return Result<Entries>(std::move(found));
        };
        auto found = co_await impl.lookups->run<Entries>(std::move(work));
        if (!found) {
            failed = std::move(found.error());
            co_return;
        }
        for (std::size_t i = 0; i < now.size(); ++i) *now[i].entry = std::move((*found)[i]);
        asked = asked.subspan(now.size());
    }
}

}  // namespace

Result<std::unique_ptr<Directory>> Directory::open(DirectoryOptions options)
{
    auto database = Database::open(options.file, {});
    if (!database) return std::unexpected(database.error());
    if (auto migrated = store::migrate(*database, migrations()); !migrated) return std::unexpected(migrated.error());
    try {
        index_words(*database);
        index_looks(*database);
    } catch (const store::StorageFailure& failure) {
        return std::unexpected(failure.fault());
    }
    auto lookups = store::open_readers(options.file, 2, "directory");
    if (!lookups) return std::unexpected(lookups.error());
    auto overview = store::open_readers(options.file, 1, "directory-long");
    if (!overview) return std::unexpected(overview.error());

    auto impl = std::make_unique<Impl>(options);
    store::Writer::Options writing;
    writing.name = "directory-write";
    impl->writer = std::make_unique<store::Writer>(std::move(*database), std::move(writing));
    impl->lookups = std::move(*lookups);
    impl->overview = std::move(*overview);
    impl->hashers = std::make_unique<store::Workers<NoState>>(std::vector<NoState>(2), "passwords", 256);
    impl->administration.reset(new Administration(*impl));
    impl->logins.reset(new Logins(*impl));
    return std::unique_ptr<Directory>(new Directory(std::move(impl)));
}

std::optional<DirectoryEntryPtr> Directory::cached(std::string_view key)
{
    if (auto entry = impl_->present.find(key)) return entry;
    if (impl_->absent.find(key)) return DirectoryEntryPtr();
    return std::nullopt;
}

Directory::Async<Result<DirectoryEntryPtr>> Directory::find(mail::Address address)
{
    if (auto known = cached(address.key())) co_return *known;
    std::function<Result<DirectoryEntryPtr>(Database&)> work = [impl = impl_.get(),
                                                                key = address.key()](Database& database) {
        return Result<DirectoryEntryPtr>(impl->look_up(database, key));
    };
    auto found = co_await impl_->lookups->run<DirectoryEntryPtr>(std::move(work));
    if (!found) co_return std::unexpected(unavailable(address, std::move(found.error())));
    co_return found;
}

Directory::Async<Result<std::vector<DirectoryEntryPtr>>> Directory::find_all(std::vector<mail::Address> addresses)
{
    std::vector<DirectoryEntryPtr> entries(addresses.size());
    std::vector<Asked> asked;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        if (auto known = cached(addresses[i].key()))
            entries[i] = std::move(*known);
        else
            asked.push_back({addresses[i].key(), &entries[i]});
    }
    // Both readers, where there is enough to do for two.
    std::optional<Fault> failed, failed_too;
    const std::size_t half = asked.size() > asked_at_once ? asked.size() / 2 : asked.size();
    auto first = look_up_all(*impl_, std::span(asked).first(half), failed);
    auto second = look_up_all(*impl_, std::span(asked).subspan(half), failed_too);
    if (half == asked.size())
        co_await std::move(first);
    else
        co_await (std::move(first) && std::move(second));
    if (!failed) failed = std::move(failed_too);
    if (failed) co_return std::unexpected(unavailable(addresses.front(), std::move(*failed)));
    co_return entries;
}

Directory::Async<Result<std::vector<std::string>>> Directory::similar(mail::Address address, std::string organisation,
                                                                      std::size_t at_most)
{
    using Addresses = std::vector<std::string>;
    std::function<Result<Addresses>(Database&)> work = [address, organisation, at_most](Database& database) {
        return Result<Addresses>(suggest(database, address, organisation, at_most));
    };
    auto found = co_await impl_->lookups->run<Addresses>(std::move(work));
    if (!found) co_return std::unexpected(unavailable(address, std::move(found.error())));
    co_return found;
}

Directory::Async<Result<void>> Directory::remember(mail::Address address, bool exists, Instant until, Instant now)
{
    const Answer answer{exists, until};
    impl_->answers.put(address.key(), answer, impl_->answers.version());
    std::function<Result<void>(Database&)> work = [key = address.key(), answer, now](Database& database) {
        write_answer(database, key, answer, now);
        return Result<void>();
    };
    co_return co_await impl_->writer->run<void>(std::move(work), store::Urgency::relaxed);
}

Directory::Async<Result<std::optional<bool>>> Directory::recalled(mail::Address address, Instant now)
{
    using Kept = std::optional<Answer>;
    auto kept = Result<Kept>(impl_->answers.find(address.key()));
    if (!*kept) {
        std::function<Result<Kept>(Database&)> work = [impl = impl_.get(), key = address.key()](Database& database) {
            const auto version = impl->answers.version();
            auto answer = read_answer(database, key);
            // A newer one that came meanwhile stands in memory already.
            if (answer && !impl->answers.find(key)) impl->answers.put(key, *answer, version);
            return Result<Kept>(answer);
        };
        kept = co_await impl_->lookups->run<Kept>(std::move(work));
    }
    if (!kept) co_return std::unexpected(unavailable(address, std::move(kept.error())));
    if (!*kept || (*kept)->until <= now) co_return std::optional<bool>();
    co_return std::optional<bool>((*kept)->exists);
}

Directory::Async<Result<Directory::Impl::Planned>> Directory::Impl::plan(std::shared_ptr<const ImportDocument> document,
                                                                         EntryCheck check, EntryTerms terms)
{
    std::function<Result<Planned>(Database&)> work = [document, check, terms, this](Database& database) {
        const OneView view(database);
        const std::int64_t newest = newest_import(database);
        return Result<Planned>(Planned{compare(database, *document, check, terms, &progress), newest});
    };
    co_return co_await overview->run<Planned>(std::move(work));
}

Directory::Async<Result<Difference>> Directory::plan(ImportDocument document, EntryCheck check, EntryTerms terms)
{
    auto shared = std::make_shared<const ImportDocument>(std::move(document));
    auto planned = co_await impl_->plan(std::move(shared), std::move(check), terms);
    impl_->progress.end();
    if (!planned) co_return std::unexpected(std::move(planned.error()));
    co_return std::move(planned->difference);
}

// The comparison runs beside the writer and is taken as it is unless another import came between; so the writer,
// on which remembered answers wait, has only the writing to do.
Directory::Async<Result<Difference>> Directory::apply(ImportDocument document, EntryCheck check, std::string actor,
                                                      Instant at, EntryTerms terms)
{
    const auto shared = std::make_shared<const ImportDocument>(std::move(document));
    auto planned = co_await impl_->plan(shared, check, terms);
    if (!planned) co_return std::unexpected(std::move(planned.error()));
    if (!planned->difference.valid()) {
        impl_->progress.end();
        co_return std::move(planned->difference);
    }

    const auto plan = std::make_shared<Impl::Planned>(std::move(*planned));
    std::function<Result<void>(Database&)> work = [impl = impl_.get(), shared, check, plan, actor, at,
                                                   terms](Database& database) {
        if (const auto newest = newest_import(database); newest != plan->after_import)
            *plan = {compare(database, *shared, check, terms), newest};
        if (!plan->difference.valid()) return Result<void>();
        write_difference(database, plan->difference, *shared, actor, at, terms, &impl->progress);
        append_audit(database, import_record(plan->difference, *shared, actor, at));
        database.after_commit([impl] { impl->entries_changed(); });
        return Result<void>();
    };
    const auto written = co_await impl_->writer->run<void>(std::move(work));
    impl_->progress.end();
    if (!written) co_return std::unexpected(written.error());
    co_return std::move(plan->difference);
}

Administration& Directory::administration() noexcept
{
    return *impl_->administration;
}

Logins& Directory::logins() noexcept
{
    return *impl_->logins;
}

Progress::Seen Directory::import_progress() const
{
    return impl_->progress.seen();
}

Directory::Async<Result<Counts>> Directory::counts()
{
    std::function<Result<Counts>(Database&)> work = [](Database& database) {
        return Result<Counts>(read_counts(database));
    };
    co_return co_await impl_->overview->run<Counts>(std::move(work));
}

Directory::Async<Result<std::vector<DirectoryEntry>>> Directory::active()
{
    using Entries = std::vector<DirectoryEntry>;
    std::function<Result<Entries>(Database&)> work = [](Database& database) {
        std::vector<std::string> organisations;
        {
            auto query = database.query("SELECT DISTINCT organisation FROM entries ORDER BY organisation");
            while (query.next()) organisations.push_back(query.string(0));
        }
        Entries entries;
        for (const auto& organisation : organisations)
            read_organisation(database, organisation, [&entries](DirectoryEntry entry) {
                if (entry.status == EntryStatus::active && entry.kind != EntryKind::group &&
                    entry.kind != EntryKind::list)
                    entries.push_back(std::move(entry));
            });
        return Result<Entries>(std::move(entries));
    };
    co_return co_await impl_->overview->run<Entries>(std::move(work));
}

Directory::Directory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Directory::~Directory() = default;

}  // namespace postern::directory
