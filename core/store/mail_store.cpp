// Opening and closing mail.db; each other group of calls has a file of its own.
#include "store/mail_store.hpp"

#include "store/mail_store_impl.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <set>
#include <system_error>

namespace postern::store {

namespace {

Fault system_fault(std::string_view operation, const std::filesystem::path& path, std::string_view remedy)
{
    const int error = errno;
    return fault(Retry::later, fmt::format("{}: {}; {}", operation, std::generic_category().message(error), remedy))
        .about(path.string());
}

Result<void> make_private_folder(const std::filesystem::path& folder)
{
    if (::mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST) return {};
    return std::unexpected(
        system_fault("cannot be made", folder, "check that its parent exists and belongs to the service's user"));
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory)
{
    const std::filesystem::path path = directory / "lock";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0) return std::unexpected(system_fault("cannot be opened", path, "check its owner and mode"));
    DirectoryLock lock(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EWOULDBLOCK)
        return fault(Retry::later,
                     "another engine uses this directory; stop it first, or give this one a directory of its own")
            .about(directory.string());
    return std::unexpected(system_fault("cannot be locked", path, "the file system must support flock"));
}

DirectoryLock::~DirectoryLock()
{
    if (descriptor_ >= 0) ::close(descriptor_);
}

MailStore::Impl::Impl(MailStoreOptions given, DirectoryLock taken)
    : options(std::move(given)),
      lock(std::move(taken)),
      reserve(options.directory),
      bodies(options.directory / "bodies")
{
}

Instant MailStore::Impl::now() const
{
    return options.clock ? options.clock->now() : system_clock.now();
}

Result<std::unique_ptr<MailStore>> MailStore::open(MailStoreOptions options)
{
    if (auto made = make_private_folder(options.directory); !made) return std::unexpected(made.error());
    auto lock = DirectoryLock::take(options.directory);
    if (!lock) return std::unexpected(lock.error());
    if (auto made = make_private_folder(options.directory / "bodies"); !made) return std::unexpected(made.error());
    auto impl = std::make_unique<Impl>(std::move(options), std::move(*lock));
    impl->reserve.give_where_full();
    if (auto started = impl->start(); !started) return std::unexpected(started.error());
    impl->reserve.lay_aside();
    return std::unique_ptr<MailStore>(new MailStore(std::move(impl)));
}

MailStore::MailStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MailStore::~MailStore() = default;

std::shared_ptr<void> MailStore::keep_bodies()
{
    const std::lock_guard held(impl_->kept_bodies.mutex);
    ++impl_->kept_bodies.keepers;
    return {impl_.get(), [](void* impl) { static_cast<Impl*>(impl)->release_bodies(); }};
}

void MailStore::Impl::drop_body(const std::string& id)
{
    {
        const std::lock_guard held(kept_bodies.mutex);
        if (kept_bodies.keepers > 0) return kept_bodies.leaving.push_back(id);
    }
    bodies.remove(id);
}

void MailStore::Impl::release_bodies()
{
    std::vector<std::string> leaving;
    {
        const std::lock_guard held(kept_bodies.mutex);
        if (--kept_bodies.keepers > 0) return;
        leaving.swap(kept_bodies.leaving);
    }
    for (const auto& id : leaving) bodies.remove(id);
}

bool MailStore::failing() const noexcept
{
    return impl_->writer->failing() || !impl_->reserve.has_room_for_mail();
}

MailStore::Counters MailStore::counters() const noexcept
{
    const Writer::Counters counted = impl_->writer->counters();
    return {.commits = counted.commits, .jobs = counted.jobs, .failures = counted.failures};
}

Result<void> MailStore::Impl::start()
{
    const std::filesystem::path file = options.directory / "mail.db";
    auto database = Database::open(file, {});
    if (!database) return std::unexpected(database.error());
    if (auto migrated = migrate(*database, mail_schema()); !migrated) return migrated;
    try {
        database->run("BEGIN IMMEDIATE");
        count(*database);
        free_claims(*database);
        database->run("COMMIT");
        for (const auto& action : std::exchange(database->actions(), {})) action();
        if (auto swept = sweep_bodies(*database); !swept) return swept;
    } catch (const StorageFailure& failure) {
        return std::unexpected(failure.fault().about(file.string()));
    }
    auto short_ones = open_readers(file, 2, "store-read");
    if (!short_ones) return std::unexpected(short_ones.error());
    auto long_ones = open_readers(file, 1, "store-list");
    if (!long_ones) return std::unexpected(long_ones.error());
    readers = std::move(*short_ones);
    long_readers = std::move(*long_ones);
    files = std::make_unique<FileWorkers>(std::vector<Nothing>(2), "store-bodies");
    Writer::Options writing{.name = "store-write", .probe = {}};
    writing.probe = [this](Database& writable) { return probe(writable); };
    writer = std::make_unique<Writer>(std::move(*database), std::move(writing));
    return {};
}

void MailStore::Impl::count(Database& database)
{
    const auto behind = [&database](Sql sql) {
        Query query = database.query(sql);
        return query.next() ? query.integer(0) + 1 : 1;
    };
    numbers.message = behind("SELECT coalesce(max(number), 0) FROM message");
    numbers.recipient = behind("SELECT coalesce(max(number), 0) FROM recipient");
    // Those of messages that are through are not given again: a message's id leads to its deliveries by number.
    numbers.delivery = behind("SELECT coalesce((SELECT last_delivery FROM message ORDER BY number DESC LIMIT 1), 0)");

    // From the deliveries, which are small; the contents would have to be read whole to be counted.
    tally.apply({.messages = behind("SELECT count(DISTINCT message) FROM delivery") - 1});
    Query query = database.query(
        "SELECT organisation, sum(stage <> 2 AND status <> 2), sum(stage <> 2 AND status = 2), sum(stage = 2)"
        " FROM delivery GROUP BY organisation");
    while (query.next())
        tally.apply({.organisation = query.string(0),
                     .queued = query.integer(1),
                     .held = query.integer(2),
                     .quarantined = query.integer(3)});
}

// What the last run had claimed, it no longer attempts: this process has the lock.
void MailStore::Impl::free_claims(Database& database)
{
    std::vector<DeliveryRow> claimed;
    {
        Query query = database.query("SELECT " POSTERN_DELIVERY_COLUMNS " FROM delivery d WHERE d.status = 1");
        while (query.next()) claimed.push_back(read_delivery(query));
    }
    const Instant at = now();
    for (const DeliveryRow& row : claimed) come_back(database, row, at, row.due, row.attempts);
}

Result<void> MailStore::Impl::sweep_bodies(Database& database)
{
    std::set<std::string, std::less<>> wanted;
    {
        Query query = database.query(
            "SELECT DISTINCT m.id FROM delivery d JOIN message m ON m.number = d.message WHERE d.in_file <> 0");
        while (query.next()) wanted.insert(query.string(0));
    }
    const auto swept = bodies.sweep([&wanted](std::string_view id) { return wanted.contains(id); });
    if (!swept) return std::unexpected(swept.error());
    return {};
}

// Both ways by which messages are kept must work before intake is taken up again.
Result<void> MailStore::Impl::probe(Database& database) const
{
    database.run("INSERT OR REPLACE INTO probe(number, bytes) VALUES(1, randomblob(65536))");
    const std::string name(26, '0');
    const auto written = bodies.write(name, std::string(65'536, '\0'));
    bodies.remove(name);
    return written;
}

}  // namespace postern::store
