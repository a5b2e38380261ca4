// A directory.db of an earlier version becomes one of today, and keeps what stood in it.
#include "support.hpp"

#include "directory/administration.hpp"
#include "directory/schema.hpp"
#include "store/database.hpp"
#include "store/migrations.hpp"

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;

namespace {

/// A file as the program of that version left it: its migrations, and rows in every table that it had.
void make_version_1(const fs::path& file)
{
    auto database = store::Database::open(file, {});
    REQUIRE(database);
    REQUIRE(store::migrate(*database, migrations().first(1)));
    database->script(R"(
INSERT INTO entries VALUES('eric@g.example', 'Eric@g.example', 'g.example', CAST('cire' AS BLOB), 'greenstone', 'user',
  'active', 'Eric Brown', '', '', '', 0, '{"telephone":"01904 555 123"}');
INSERT INTO entries VALUES('desk@g.example', 'desk@g.example', 'g.example', CAST('ksed' AS BLOB), 'greenstone',
  'function', 'suspended', 'desk', 'listing', 'eric@g.example', '', 1, '{}');
INSERT INTO entries VALUES('gone@g.example', 'gone@g.example', 'g.example', CAST('enog' AS BLOB), 'greenstone', 'user',
  'removed', 'Gone', '', '', 'eric@g.example', 0, '{}');
INSERT INTO remembered VALUES('asked@p.example', 1, 9000000000000000);
INSERT INTO imports VALUES(7, 1000000, 'root', 'directory.yaml', 3, 0, 0, 0);
)");
}

int version_of(const fs::path& file)
{
    auto database = store::Database::open(file, {});
    REQUIRE(database);
    auto row = database->query("SELECT max(number) FROM schema_version");
    REQUIRE(row.next());
    return static_cast<int>(row.integer(0));
}

}  // namespace

TEST_CASE("a directory of version 1 keeps its entries, remembered answers and record of imports")
{
    const Folder folder;
    make_version_1(folder.file());
    REQUIRE(version_of(folder.file()) == 1);
    {
        const auto directory = opened(folder);
        const auto eric = found(*directory, "eric@g.example");
        REQUIRE(eric);
        CHECK(eric->address.text() == "Eric@g.example");
        CHECK(eric->details.at("telephone") == "01904 555 123");
        CHECK(eric->senders == vocabulary::ListSenders::community);
        const auto desk = found(*directory, "desk@g.example");
        CHECK(desk->kind == EntryKind::function);
        CHECK(desk->function == "listing");
        CHECK(desk->ex_directory);
        CHECK(found(*directory, "gone@g.example")->moved_to == "eric@g.example");
        CHECK(wait_for(directory->recalled(address("asked@p.example"), from_micros(1))).value() == true);
        CHECK(wait_for(directory->counts())->last_import_by == "root");
        // And it is a directory like any other: what comes now can be found by its words.
        auto again = document("greenstone", {*eric, user("new.person@g.example", "greenstone")});
        CHECK(applied(*directory, again).added.size() == 1);
        const auto listed = wait_for(directory->administration().list({.like = "pers", .organisation = "greenstone"}));
        REQUIRE(listed);
        CHECK(listed->size() == 1);
    }
    CHECK(version_of(folder.file()) == static_cast<int>(migrations().size()));
}

TEST_CASE("entries of version 1 are found by their words after the migration")
{
    const Folder folder;
    make_version_1(folder.file());
    const auto directory = opened(folder);
    const auto listed = wait_for(directory->administration().list({.like = "bro"}));
    REQUIRE(listed);
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().entry->name == "Eric Brown");
}

TEST_CASE("a migration that power loss interrupts is done at the next start")
{
    const Folder folder;
    make_version_1(folder.file());
    {
        auto database = store::Database::open(folder.file(), {});
        REQUIRE(database);
        database->script("BEGIN");
        database->script(migrations()[1].sql);  // and never a COMMIT
    }
    REQUIRE(version_of(folder.file()) == 1);
    CHECK(found(*opened(folder), "eric@g.example"));
}
