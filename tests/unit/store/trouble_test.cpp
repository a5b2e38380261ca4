#include "fixture.hpp"

#include "store/migrations.hpp"
#include "store/workers.hpp"
#include "store/writer.hpp"

#include <sys/resource.h>
#include <array>
#include <csignal>
#include <fstream>
#include <thread>

namespace postern::store::test {

namespace {

Database open_scratch(const TemporaryFolder& folder)
{
    Database database = value_of(Database::open(folder.path() / "scratch.db", {}));
    database.script("CREATE TABLE IF NOT EXISTS note(number INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    return database;
}

std::int64_t count_notes(Writer& writer)
{
    return value_of(writer.run_blocking<std::int64_t>([](Database& database) -> Result<std::int64_t> {
        Query query = database.query("SELECT count(*) FROM note");
        query.next();
        return query.integer(0);
    }));
}

/// As long as it lives no file of this process grows beyond `bytes`: a full disk without one.
class SmallDisk {
public:
    explicit SmallDisk(rlim_t bytes)
    {
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
    }
    ~SmallDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("a failing job is undone alone; the others of its commit last")
{
    TemporaryFolder folder;
    Writer writer(open_scratch(folder));
    boost::asio::io_context context;
    int stored = 0, refused = 0;
    for (int i = 0; i < 60; ++i) {
        std::function<Result<void>(Database&)> work = [i](Database& database) -> Result<void> {
            database.run("INSERT INTO note(number, text) VALUES(?, ?)", i + 1, "text");
            database.after_commit([] {});
            if (i % 7 == 3) return fault(Retry::later, "thought better of it");
            if (i % 7 == 5) database.run("INSERT INTO note(number, text) VALUES(?, ?)", i + 1, "the same number again");
            return {};
        };
        boost::asio::co_spawn(context, writer.run<void>(std::move(work)),
                              [&](std::exception_ptr, const Result<void>& result) { ++(result ? stored : refused); });
    }
    context.run();
    REQUIRE(refused == 9 + 8);
    REQUIRE(stored == 60 - 17);
    REQUIRE(count_notes(writer) == stored);
    REQUIRE_FALSE(writer.failing());
}

TEST_CASE("a job that throws anything is a fault, not the end of the writer")
{
    TemporaryFolder folder;
    Writer writer(open_scratch(folder));
    const auto thrown = writer.run_blocking<void>([](Database&) -> Result<void> { throw std::runtime_error("a bug"); });
    REQUIRE_FALSE(thrown);
    REQUIRE(thrown.error().describe().find("a bug") != std::string::npos);
    REQUIRE(count_notes(writer) == 0);
}

TEST_CASE("actions wait for the commit, and are forgotten with a job that fails")
{
    TemporaryFolder folder;
    Writer writer(open_scratch(folder));
    int acted = 0;
    for (const bool fails : {true, false})
        (void)writer.run_blocking<void>([&acted, fails](Database& database) -> Result<void> {
            database.run("INSERT INTO note(text) VALUES('x')");
            database.after_commit([&acted] { ++acted; });
            if (fails) return fault(Retry::later, "no");
            return {};
        });
    REQUIRE(acted == 1);
}

TEST_CASE("a full disk refuses, is noticed, and is over when there is room again")
{
    Opened spool;
    const NewMessage before = message({delivery({"a@x.cjsm.net"})});
    spool.commit(before, false);
    {
        SmallDisk small(300'000);
        bool refused = false;
        for (int i = 0; i < 200 && !refused; ++i) {
            const auto stored =
                wait_for(spool.store->commit(message({delivery({"a@x.cjsm.net"})}, std::string(4000, 'x')), {}));
            refused = !stored;
            if (refused) {
                REQUIRE(stored.error().retry() == Retry::later);
            }
        }
        REQUIRE(refused);
        REQUIRE(spool.store->failing());
        std::this_thread::sleep_for(std::chrono::milliseconds(1300));
        REQUIRE(spool.store->failing());  // the probe has met it too
    }
    REQUIRE(eventually([&] { return !spool.store->failing(); }));
    spool.commit(message({delivery({"a@x.cjsm.net"})}), false);
    REQUIRE(spool.content(before.message.id) == *before.content);
    REQUIRE(spool.store->counters().failures > 0);
}

TEST_CASE("a body file that does not fit is refused with 452, and leaves nothing")
{
    Opened spool;
    Result<std::vector<DeliveryRecord>> refused;
    {
        SmallDisk small(10'000);
        refused = wait_for(spool.store->commit(message({delivery({"a@x.cjsm.net"})}, std::string(50'000, 'x')), {}));
    }
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().peer().digits == 52);
    REQUIRE(refused.error().peer().status == Status{3, 1});
    REQUIRE(spool.body_files() == 0);
    REQUIRE(eventually([&] { return !spool.store->failing(); }));
}

TEST_CASE("two engines on one directory are refused, the second with words that help")
{
    Opened spool;
    const auto second = MailStore::open({.directory = spool.folder.path() / "spool"});
    REQUIRE_FALSE(second);
    REQUIRE(second.error().describe().find("another engine") != std::string::npos);
}

TEST_CASE("a newer schema is refused and left as it is")
{
    Opened spool;
    spool.store.reset();
    {
        Database database = value_of(Database::open(spool.folder.path() / "spool" / "mail.db", {}));
        database.script("INSERT INTO schema_version(number, what) VALUES(1000, 'from the future')");
    }
    const auto opened = MailStore::open({.directory = spool.folder.path() / "spool"});
    REQUIRE_FALSE(opened);
    REQUIRE(opened.error().describe().find("newer Postern") != std::string::npos);
}

TEST_CASE("a database that is none, and a folder that cannot be had, are faults that name the file")
{
    TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() / "spool");
    std::ofstream(folder.path() / "spool" / "mail.db") << std::string(100'000, 'x');
    const auto broken = MailStore::open({.directory = folder.path() / "spool"});
    REQUIRE_FALSE(broken);
    REQUIRE(broken.error().describe().find("mail.db") != std::string::npos);
    REQUIRE(broken.error().describe().find("backup") != std::string::npos);
    const auto nowhere = MailStore::open({.directory = folder.path() / "a" / "b"});
    REQUIRE_FALSE(nowhere);
    REQUIRE(nowhere.error().describe().find("/a/b") != std::string::npos);
}

TEST_CASE("migrations run once, in order, and a failing one leaves nothing behind")
{
    TemporaryFolder folder;
    Database database = value_of(Database::open(folder.path() / "m.db", {}));
    constexpr std::array first{Migration{1, "one", "CREATE TABLE a(x)"}};
    constexpr std::array both{Migration{1, "one", "CREATE TABLE a(x)"},
                              Migration{2, "two", "CREATE TABLE b(x); CREATE TABLE a(x)"}};
    REQUIRE(migrate(database, first));
    REQUIRE(migrate(database, first));
    REQUIRE_FALSE(migrate(database, both));
    REQUIRE_FALSE(database.in_transaction());
    Query query = database.query("SELECT count(*) FROM sqlite_schema WHERE name = 'b'");
    REQUIRE(query.next());
    REQUIRE(query.integer(0) == 0);
}

TEST_CASE("the log stays bounded while writing never pauses")
{
    TemporaryFolder folder;
    Writer writer(open_scratch(folder));
    const std::string text(7000, 't');
    std::uintmax_t longest = 0;
    for (int i = 0; i < 6000; ++i) {
        value_of(writer.run_blocking<void>([&text, i](Database& database) -> Result<void> {
            database.run("INSERT OR REPLACE INTO note(number, text) VALUES(?, ?)", i % 500 + 1, text);
            return {};
        }));
        if (i % 100 == 0) longest = std::max(longest, std::filesystem::file_size(folder.path() / "scratch.db-wal"));
    }
    REQUIRE(longest < 40U << 20);
}

TEST_CASE("readers see what was committed, and cannot write")
{
    TemporaryFolder folder;
    Writer writer(open_scratch(folder));
    auto readers = value_of(open_readers(folder.path() / "scratch.db", 2, "read"));
    value_of(writer.run_blocking<void>([](Database& database) -> Result<void> {
        database.run("INSERT INTO note(text) VALUES('x')");
        return {};
    }));
    std::function<Result<std::int64_t>(Database&)> count = [](Database& database) -> Result<std::int64_t> {
        Query query = database.query("SELECT count(*) FROM note");
        query.next();
        return query.integer(0);
    };
    REQUIRE(value_of(wait_for(readers->run<std::int64_t>(count))) == 1);
    std::function<Result<void>(Database&)> write = [](Database& database) -> Result<void> {
        database.run("DELETE FROM note");
        return {};
    };
    REQUIRE_FALSE(wait_for(readers->run<void>(write)));
}

}  // namespace postern::store::test
