// The audit is a chain, and whoever changes, takes out or cuts off a record is found out.
#include "support.hpp"

#include "directory/administration.hpp"
#include "directory/audit.hpp"
#include "store/database.hpp"

#include <sys/stat.h>
#include <sstream>

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;

namespace {

AuditRecord act(const std::string& what, const std::string& target, std::int64_t second = 1)
{
    AuditRecord record;
    record.at = from_micros(second * 1'000'000);
    record.actor = "root";
    record.act = what;
    record.target = target;
    record.outcome = "done";
    record.detail = "{\"a\":\"\xC3\xA9\"}";
    return record;
}

void note(Directory& directory, AuditRecord record)
{
    REQUIRE(wait_for(directory.administration().note(std::move(record))));
}

std::string exported(Directory& directory)
{
    return wait_for(directory.administration().export_all("mx.example")).value();
}

std::string without_line(const std::string& text, int line)
{
    std::string out;
    std::istringstream lines(text);
    int at = 0;
    for (std::string one; std::getline(lines, one);)
        if (at++ != line) out += one + "\n";
    return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& by)
{
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

struct Scene {
    Folder folder;
    std::unique_ptr<Directory> directory = opened(folder);
    AuditKey key = AuditKey::load_or_create(folder.file().parent_path() / "audit.key").value();

    Scene()
    {
        for (int i = 1; i <= 5; ++i) note(*directory, act("add_user", "user" + std::to_string(i) + "@g.example", i));
    }
    std::string head() const
    {
        const auto last = wait_for(directory->administration().last_record()).value();
        return key.sign("mx.example", last, from_micros(9'000'000)).line();
    }
};

}  // namespace

TEST_CASE("an export holds against itself and a signed head")
{
    const Scene scene;
    const auto check = verify_export(exported(*scene.directory), "noise\n{\"head\":\"" + scene.head() + "\"}\n",
                                     scene.key.public_key());
    CHECK(check.problems.empty());
    CHECK(check.records == 5);
    CHECK(check.first == 1);
    CHECK(check.last == 5);
    CHECK(check.heads == 1);
}

TEST_CASE("a record that was changed, taken out, or cut off is found out")
{
    const Scene scene;
    const auto text = exported(*scene.directory);
    const auto head = scene.head();
    const auto& key = scene.key.public_key();
    const auto problem = [&](const std::string& forged) {
        const auto check = verify_export(forged, head, key);
        return check.problems.empty() ? std::string{} : check.problems.front();
    };
    CHECK(problem(replaced(text, "user3@g.example", "user9@g.example")).find("record 3") != std::string::npos);
    CHECK(problem(without_line(text, 3)).find("records are missing") != std::string::npos);
    CHECK(problem(without_line(text, 5)).find("cut off") != std::string::npos);
    CHECK(problem(without_line(text, 0)).find("where it begins") != std::string::npos);
}

TEST_CASE("a chain that the machine's owner made anew does not fit a head that left the machine")
{
    const Scene scene;
    const auto head = scene.head();
    const Folder other;
    const auto forged = opened(other);
    for (int i = 1; i <= 5; ++i) note(*forged, act("add_user", "nobody@g.example", i));
    const auto check = verify_export(exported(*forged), head, scene.key.public_key());
    REQUIRE_FALSE(check.problems.empty());
    CHECK(check.problems.front().find("made anew") != std::string::npos);
}

TEST_CASE("a head of another key counts for nothing and is told")
{
    const Scene scene;
    const Folder other;
    const auto stranger = AuditKey::load_or_create(other.file().parent_path() / "audit.key").value();
    const auto check = verify_export(exported(*scene.directory), scene.head(), stranger.public_key());
    REQUIRE(check.problems.size() == 1);
    CHECK(check.problems[0].find("not signed by that key") != std::string::npos);
    CHECK(check.heads == 0);
}

TEST_CASE("rows of the audit can't be changed or deleted by SQL that forgets itself")
{
    const Scene scene;
    auto database = store::Database::open(scene.folder.file(), {});
    REQUIRE(database);
    CHECK_THROWS_AS(database->script("UPDATE audit SET actor = 'nobody' WHERE number = 2"), store::StorageFailure);
    CHECK_THROWS_AS(database->script("DELETE FROM audit WHERE number = 5"), store::StorageFailure);
}

TEST_CASE("retention takes the oldest away, and the rest still holds against heads")
{
    const Scene scene;
    const auto head = scene.head();
    CHECK(wait_for(scene.directory->administration().purge(from_micros(3'000'000))).value() == 2);
    const auto check = verify_export(exported(*scene.directory), head, scene.key.public_key());
    CHECK(check.problems.empty());
    CHECK(check.first == 3);
    CHECK(check.records == 3);
    note(*scene.directory, act("add_user", "user6@g.example", 6));
    CHECK(verify_export(exported(*scene.directory), head, scene.key.public_key()).problems.empty());
}

TEST_CASE("the key is made once, for its owner alone, and read again")
{
    const Folder folder;
    const auto file = folder.file().parent_path() / "audit.key";
    const auto first = AuditKey::load_or_create(file).value();
    struct stat seen {};
    REQUIRE(::stat(file.c_str(), &seen) == 0);
    CHECK((seen.st_mode & 0777U) == 0600U);
    CHECK(AuditKey::load_or_create(file).value().public_key() == first.public_key());
}

TEST_CASE("an edit, a grant and an import stand in the audit with who did them")
{
    const Folder folder;
    const auto directory = opened(folder);
    applied(*directory, document("greenstone", {user("eric@g.example", "greenstone")}));
    EntryEdit edit;
    edit.address = address("eric@g.example");
    edit.change = [](DirectoryEntry& entry) {
        entry.name = "Eric Brown";
        return Result<void>();
    };
    edit.check = anything_goes;
    edit.audit = act("edit_entry", "");
    edit.audit.actor = "clerk@g.example";
    REQUIRE(wait_for(directory->administration().edit(edit)));
    const auto records = wait_for(directory->administration().search({})).value();
    REQUIRE(records.size() == 2);
    CHECK(records[0].act == "edit_entry");
    CHECK(records[0].actor == "clerk@g.example");
    CHECK(records[0].target == "eric@g.example");
    CHECK(records[0].detail.find("Eric Brown") != std::string::npos);
    CHECK(records[1].act == "import_directory");
}
