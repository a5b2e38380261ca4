// Look-ups have three answers, and memory never gives another one than the database.
#include "support.hpp"

#include "store/database.hpp"

#include <fmt/format.h>
#include <fstream>
#include <thread>

namespace {

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;

Instant at(int seconds)
{
    return Instant{std::chrono::seconds{seconds}};
}

}  // namespace

TEST_CASE("an entry is found whatever case it is asked in, and comes back as it was written")
{
    const Folder folder;
    const auto directory = opened(folder);
    DirectoryEntry entry = user("Eric.Brown@GreenstoneChambers.co.uk", "greenstone", EntryStatus::suspended);
    entry.kind = EntryKind::function;
    entry.name = "Zo\xc3\xab";
    entry.function = "clerks";
    entry.owner = "boss@greenstonechambers.co.uk";
    entry.moved_to = "eric@elsewhere.example";
    entry.ex_directory = true;
    entry.details = {{"telephone", "+44 20"}, {"place", "London \"City\""}};
    REQUIRE(applied(*directory, document("greenstone", {entry})).valid());

    const auto same = found(*directory, "ERIC.brown@greenstonechambers.CO.UK");
    REQUIRE(same);
    CHECK(same->address.text() == "Eric.Brown@GreenstoneChambers.co.uk");
    CHECK(*same == entry);
}

TEST_CASE("an address that nobody declared is absent, and known to be so afterwards")
{
    const Folder folder;
    const auto directory = opened(folder);
    CHECK_FALSE(directory->cached("nobody@greenstone.example").has_value());
    CHECK(found(*directory, "nobody@greenstone.example") == nullptr);
    const auto known = directory->cached("nobody@greenstone.example");
    REQUIRE(known.has_value());
    CHECK(*known == nullptr);
}

TEST_CASE("an import is seen by every look-up after it, also where memory knew better")
{
    const Folder folder;
    const auto directory = opened(folder);
    CHECK(found(*directory, "new@greenstone.example") == nullptr);
    applied(*directory, document("greenstone", {user("new@greenstone.example", "greenstone")}));
    REQUIRE(found(*directory, "new@greenstone.example") != nullptr);
    applied(*directory, document("greenstone", {}));
    CHECK(found(*directory, "new@greenstone.example")->status == EntryStatus::removed);
}

TEST_CASE("memory holds no more than it may, and what it dropped is still found")
{
    const Folder folder;
    const auto directory = opened(folder, 128);
    std::vector<DirectoryEntry> entries;
    for (int i = 0; i < 2000; ++i) entries.push_back(user(fmt::format("user{}@greenstone.example", i), "greenstone"));
    applied(*directory, document("greenstone", entries));
    for (const auto& entry : entries) REQUIRE(found(*directory, entry.address.text()) != nullptr);
    std::size_t kept = 0;
    for (const auto& entry : entries) kept += directory->cached(entry.address.key()).has_value() ? 1U : 0U;
    CHECK(kept <= 256);
    CHECK(kept > 0);
    CHECK(directory->cached(entries.back().address.key()).has_value());
}

TEST_CASE("what stands is found after opening again")
{
    const Folder folder;
    applied(*opened(folder), document("greenstone", {user("eric@greenstone.example", "greenstone")}));
    CHECK(found(*opened(folder), "eric@greenstone.example") != nullptr);
}

TEST_CASE("a directory whose file turns to garbage defers, and never says absent")
{
    const Folder folder;
    const auto directory = opened(folder);
    std::vector<DirectoryEntry> entries;
    for (int i = 0; i < 2000; ++i) entries.push_back(user(fmt::format("user{}@greenstone.example", i), "greenstone"));
    applied(*directory, document("greenstone", entries));

    for (const auto* name : {"directory.db", "directory.db-wal"}) {
        const auto path = folder.file().parent_path() / name;
        const auto size = fs::exists(path) ? fs::file_size(path) : 0;
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        const std::string garbage(size, 'x');
        file.write(garbage.data(), static_cast<std::streamsize>(size));
    }
    for (const auto* asked : {"user7@greenstone.example", "nobody@greenstone.example"}) {
        const auto answer = wait_for(directory->find(address(asked)));
        REQUIRE_FALSE(answer);
        CHECK(answer.error().retry() == Retry::later);
        CHECK(answer.error().peer().digits == 50);
        CHECK(answer.error().peer().status == Status{3, 0});
        CHECK(answer.error().peer().text == "The directory is not available; please try again later");
        CHECK_FALSE(directory->cached(asked).has_value());
    }
    CHECK_FALSE(wait_for(directory->similar(address("usr7@greenstone.example"), "greenstone", 3)));
    CHECK_FALSE(wait_for(directory->recalled(address("user7@greenstone.example"), at(1))));
    CHECK_FALSE(wait_for(directory->counts()));
    CHECK_FALSE(Directory::open({.file = folder.file()}));
}

TEST_CASE("a folder that is not there, or a file that is no database, is an error at start")
{
    const Folder folder;
    CHECK_FALSE(Directory::open({.file = folder.file().parent_path() / "none" / "directory.db"}));
    std::ofstream(folder.file()) << std::string(8192, 'x');
    const auto directory = Directory::open({.file = folder.file()});
    REQUIRE_FALSE(directory);
    CHECK(directory.error().describe().find("directory.db") != std::string::npos);
}

TEST_CASE("a schema from the future is refused")
{
    const Folder folder;
    opened(folder);
    {
        auto database = store::Database::open(folder.file(), {});
        REQUIRE(database);
        database->script("INSERT INTO schema_version(number, what) VALUES(99, 'later')");
    }
    const auto directory = Directory::open({.file = folder.file()});
    REQUIRE_FALSE(directory);
    CHECK(directory.error().describe().find("newer") != std::string::npos);
}

TEST_CASE("a member's answer is remembered until it lapses, across a start")
{
    const Folder folder;
    {
        const auto directory = opened(folder);
        REQUIRE(wait_for(directory->remember(address("Yes@greenstone.example"), true, at(200), at(100))));
        REQUIRE(wait_for(directory->remember(address("no@greenstone.example"), false, at(150), at(100))));
        CHECK(*wait_for(directory->recalled(address("yes@greenstone.example"), at(120))) == true);
    }
    const auto directory = opened(folder);
    CHECK(*wait_for(directory->recalled(address("YES@greenstone.example"), at(199))) == true);
    CHECK(*wait_for(directory->recalled(address("no@greenstone.example"), at(149))) == false);
    CHECK(*wait_for(directory->recalled(address("no@greenstone.example"), at(150))) == std::nullopt);
    CHECK(*wait_for(directory->recalled(address("other@greenstone.example"), at(120))) == std::nullopt);
    REQUIRE(wait_for(directory->remember(address("yes@greenstone.example"), false, at(300), at(200))));
    CHECK(*wait_for(directory->recalled(address("yes@greenstone.example"), at(250))) == false);
}

TEST_CASE("lapsed answers are purged as new ones come")
{
    const Folder folder;
    const auto directory = opened(folder);
    for (int i = 0; i < 40; ++i)
        REQUIRE(
            wait_for(directory->remember(address(fmt::format("old{}@greenstone.example", i)), true, at(100), at(1))));
    CHECK(wait_for(directory->counts())->remembered == 40);
    for (int i = 0; i < 4; ++i)
        REQUIRE(
            wait_for(directory->remember(address(fmt::format("new{}@greenstone.example", i)), true, at(300), at(200))));
    CHECK(wait_for(directory->counts())->remembered == 4);
}

TEST_CASE("did you mean: the nearest addresses of the organisation, wherever the slip is")
{
    const Folder folder;
    const auto directory = opened(folder);
    std::vector<DirectoryEntry> entries;
    // Enough others that neighbours in one order alone would not reach the right one.
    for (int i = 0; i < 3000; ++i) entries.push_back(user(fmt::format("e{}x@greenstone.example", i), "greenstone"));
    entries.push_back(user("Eric.Brown@greenstone.example", "greenstone"));
    applied(*directory, document("greenstone", entries));
    applied(*directory, document("smith", {user("erik.brown@smith.example", "smith")}));

    const auto asked =
        GENERATE(as<std::string>{}, "eric.borwn@greenstone.example", "rric.brown@greenstone.example",
                 "eric.brow@greenstone.example", "xeric.brown@greenstone.example", "eric.brown@other.example");
    const auto similar = wait_for(directory->similar(address(asked), "greenstone", 3));
    REQUIRE(similar);
    CHECK(*similar == std::vector<std::string>{"Eric.Brown@greenstone.example"});
}

TEST_CASE("did you mean never names a person who is ex-directory, suspended, removed or only invited")
{
    const Folder folder;
    const auto directory = opened(folder);
    auto hidden = user("ann.hidden@greenstone.example", "greenstone");
    hidden.ex_directory = true;
    applied(*directory,
            document("greenstone", {hidden, user("ann.hiddel@greenstone.example", "greenstone", EntryStatus::suspended),
                                    user("ann.hiddem@greenstone.example", "greenstone", EntryStatus::removed),
                                    user("ann.hiddek@greenstone.example", "greenstone", EntryStatus::invited)}));
    CHECK(wait_for(directory->similar(address("ann.hiddeo@greenstone.example"), "greenstone", 5))->empty());
    CHECK(wait_for(directory->similar(address("ann.hiddeo@greenstone.example"), "", 5))->empty());
}

TEST_CASE("without an organisation, did you mean looks in the address's own domain")
{
    const Folder folder;
    const auto directory = opened(folder);
    applied(*directory, document("victim-care", {user("victim@cjsm.net", "victim-care")}));
    applied(*directory, document("other", {user("victim@elsewhere.example", "other")}));
    CHECK(*wait_for(directory->similar(address("victm@cjsm.net"), "", 5)) ==
          std::vector<std::string>{"victim@cjsm.net"});
}

TEST_CASE("look-ups during imports see the one state or the other, on all threads")
{
    const Folder folder;
    const auto directory = opened(folder, 512);
    const auto of_state = [](bool even) {
        std::vector<DirectoryEntry> entries;
        for (int i = 0; i < 300; ++i)
            entries.push_back(user(fmt::format("user{}@greenstone.example", i), "greenstone",
                                   even ? EntryStatus::active : EntryStatus::suspended));
        return document("greenstone", entries);
    };
    applied(*directory, of_state(true));
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            for (int i = t; !stop; ++i) {
                const auto key = fmt::format("user{}@greenstone.example", i % 310);
                const auto entry = wait_for(directory->find(*mail::Address::parse(key)));
                if (!entry || (*entry == nullptr) != (i % 310 >= 300)) ++wrong;
            }
        });
    for (int round = 0; round < 20; ++round) {
        const bool even = round % 2 == 1;
        CHECK(applied(*directory, of_state(even)).changed.size() == 300);
        const auto expected = even ? EntryStatus::active : EntryStatus::suspended;
        for (int i = 0; i < 300; i += 37)
            CHECK(found(*directory, fmt::format("user{}@greenstone.example", i))->status == expected);
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}
