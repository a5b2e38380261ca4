// What protects people from each other: addresses outside that rest, names that look alike, access to mailboxes that
// two decide, logins that are brought along; reminders, and what is kept about a person.
#include "logins_support.hpp"

#include "directory/csv_file.hpp"
#include "directory/look_alike.hpp"

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;
using Outcome = LoginAnswer::Outcome;

namespace {

constexpr auto hour = std::chrono::hours{1};

EntryEdit edit_of(const std::string& whom, std::function<void(DirectoryEntry&)> change, Instant at)
{
    EntryEdit edit{
        .address = address(whom), .version = {}, .change = {}, .check = anything_goes, .audit = by("clerk", at)};
    edit.change = [change = std::move(change)](DirectoryEntry& entry) {
        change(entry);
        return Result<void>();
    };
    return edit;
}

Result<Edited> add(Directory& directory, const std::string& text, const std::string& organisation, bool sure = false)
{
    auto edit = edit_of(
        text, [organisation](DirectoryEntry& entry) { entry.organisation = organisation; }, from_micros(1));
    edit.create = true;
    edit.terms.look_alikes = sure;
    return wait_for(directory.administration().edit(std::move(edit)));
}

std::string problem_of(Directory& directory, ImportDocument document, EntryTerms terms = {})
{
    const auto planned = wait_for(directory.plan(std::move(document), anything_goes, terms)).value();
    return planned.problems.empty() ? std::string{} : planned.problems.front().what;
}

}  // namespace

TEST_CASE("a changed address outside rests, and until then the one before it counts")
{
    const Folder folder;
    const auto directory = opened(folder);
    // A desk, whose administrator answers for the address: nobody has to confirm it.
    auto eric = user("eric@g.example", "greenstone");
    eric.kind = EntryKind::function;
    eric.function = "listing";
    eric.owner = "clerk@g.example";
    eric.non_secure = "old@home.example";
    applied(*directory, document("greenstone", {eric}));
    const Duration rests = 48 * hour;
    Instant now = from_micros(1'700'000'000'000'000);
    const auto counts = [&](Instant at) { return found(*directory, "eric@g.example")->non_secure_at(at, rests); };
    const auto change = [&](const std::string& to) {
        auto edited = wait_for(directory->administration().edit(edit_of(
            "eric@g.example", [to](DirectoryEntry& entry) { entry.non_secure = to; }, now)));
        REQUIRE(edited);
        return *edited;
    };
    CHECK(counts(now) == "old@home.example");  // what stood from the beginning needs no rest
    const auto edited = change("new@home.example");
    CHECK(edited.before->non_secure == "old@home.example");
    CHECK(counts(now) == "old@home.example");
    CHECK(counts(now + rests - hour) == "old@home.example");
    CHECK(counts(now + rests) == "new@home.example");
    SECTION("changed again while it rests, it never counted")
    {
        now += hour;
        change("third@home.example");
        CHECK(counts(now + rests - hour) == "old@home.example");
        CHECK(counts(now + rests) == "third@home.example");
    }
    SECTION("changed by an import, it rests as well")
    {
        auto again = *found(*directory, "eric@g.example");
        again.non_secure = "imported@home.example";
        REQUIRE(wait_for(directory->apply(document("greenstone", {again}), anything_goes, "root", now + 2 * rests)));
        CHECK(counts(now + 2 * rests) == "new@home.example");
        CHECK(counts(now + 3 * rests) == "imported@home.example");
    }
    SECTION("other changes leave it as it is")
    {
        now += hour;
        REQUIRE(wait_for(directory->administration().edit(edit_of(
            "eric@g.example", [](DirectoryEntry& entry) { entry.name = "Eric"; }, now))));
        CHECK(counts(now) == "old@home.example");
        CHECK(counts(now - hour + rests) == "new@home.example");
    }
}

TEST_CASE("names that a reader takes for each other look the same")
{
    CHECK(looks_of("eric.brown") == looks_of("Eric.Brown"));
    CHECK(looks_of("eric") == looks_of("er\xD1\x96"
                                       "c"));  // Cyrillic i
    CHECK(looks_of("bell") == looks_of("be1l"));
    CHECK(looks_of("bell") == looks_as_written("beIl"));
    CHECK(looks_of("bell") != looks_of("beIl"));
    CHECK(looks_of("eric.brown") == looks_of("ERIC.BR0WN"));
    CHECK(looks_of("mary") == looks_of("rnary"));
    CHECK(looks_of("o.brien") == looks_of("0.brien"));
    CHECK(looks_of("ian") != looks_of("lan"));  // in small letters everybody sees it
    CHECK(looks_of("eric") != looks_of("erica"));
    CHECK(looks_of("ann") != looks_of("anne"));
    CHECK(looks_of("\xFF") == "\xFF");
    CHECK(suspicious_letters("eric").empty());
    CHECK(suspicious_letters("\xC3\xA9ric").empty());
    CHECK(suspicious_letters("\xD0\xB8\xD0\xB2\xD0\xB0\xD0\xBD").empty());  // all Cyrillic
    CHECK_FALSE(suspicious_letters("er\xD1\x96"
                                   "c")
                    .empty());
}

TEST_CASE("a new address that looks like another of its organisation is refused unless somebody is sure")
{
    const Folder folder;
    const auto directory = opened(folder);
    REQUIRE(add(*directory, "anna.bell@g.example", "greenstone"));
    const auto refused = add(*directory, "anna.be1l@g.example", "greenstone");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().describe().find("looks like anna.bell@g.example") != std::string::npos);
    CHECK_FALSE(found(*directory, "anna.be1l@g.example"));
    CHECK(add(*directory, "anna.be1l@h.example", "other"));  // that organisation's own affair
    CHECK(add(*directory, "anna.be1l@g.example", "greenstone", true));
    CHECK_FALSE(add(*directory,
                    "er\xD1\x96"
                    "c@g.example",
                    "greenstone"));
}

TEST_CASE("an import refuses look-alikes among those that are new, and leaves alone what stands")
{
    const Folder folder;
    const auto directory = opened(folder);
    const auto bell = user("bell@g.example", "greenstone"), be1l = user("be1l@g.example", "greenstone"),
               mary = user("mary@g.example", "greenstone"), rnary = user("rnary@g.example", "greenstone");
    CHECK(problem_of(*directory, document("greenstone", {mary, rnary})).find("looks like mary@") != std::string::npos);
    CHECK(problem_of(*directory, document("greenstone", {mary, rnary}), {.look_alikes = true}).empty());
    REQUIRE(wait_for(directory->apply(document("greenstone", {bell, be1l}), anything_goes, "root", from_micros(1),
                                      {.look_alikes = true})));
    CHECK(problem_of(*directory, document("greenstone", {bell, be1l, mary})).empty());
    CHECK(problem_of(*directory, document("greenstone", {bell, be1l, user("beIl@g.example", "greenstone")}))
              .find("looks like") != std::string::npos);
}

TEST_CASE("many at once get addresses that look like nobody's")
{
    const Folder folder;
    const auto directory = opened(folder);
    REQUIRE(add(*directory, "al@g.example", "greenstone"));
    REQUIRE(add(*directory, "all@g.example", "greenstone"));
    BulkOrder order{.organisation = "greenstone",
                    .domain = address("x@g.example").domain(),
                    .people = {},
                    .check = anything_goes,
                    .audit = by("clerk", from_micros(1))};
    order.people.push_back({.line = 1, .name = "Al", .non_secure = {}, .details = {}});
    const auto added = wait_for(directory->administration().bulk_add(std::move(order))).value();
    REQUIRE(added.invited.size() == 1);
    CHECK(added.invited.front().address == "al2@g.example");
}

TEST_CASE("a login that is brought along works, becomes one of ours, and never takes the place of one in use")
{
    LoginScene scene;
    const std::string brought = hash_password("a password from elsewhere", Strength::given);
    auto eric = *found(*scene.directory, "eric.brown@g.example");
    const auto with_login = [&](const std::string& hash, const std::string& name) {
        auto made = document("greenstone", {eric, user("anna@g.example", "greenstone")});
        for (auto& one : made.organisations.front().entries)
            if (one.entry.address == scene.eric) one.password_hash = hash, one.user_name = name;
        return made;
    };
    const auto difference = applied(*scene.directory, with_login(brought, "Brown.E"));
    REQUIRE(difference.logins.size() == 1);
    CHECK(scene.check("a password from elsewhere", {}, "brown.e").outcome == Outcome::granted);
    // The hash has become as strong as those that are chosen here: verifying it costs what any login costs.
    CHECK(scene.check("a password from elsewhere", {}, "brown.e").outcome == Outcome::granted);
    CHECK(scene.check("wrong", {}, "brown.e").outcome == Outcome::refused);
    CHECK(scene.check(scene.given.password, {}, "brown.e").outcome == Outcome::refused);
    const auto again = applied(*scene.directory, with_login(hash_password("another", Strength::given), "brown.e"));
    CHECK(again.logins.empty());
    CHECK(scene.check("a password from elsewhere", {}, "brown.e").outcome == Outcome::granted);
}

TEST_CASE("what can't be brought along is refused with its line, and nothing is imported")
{
    const Folder folder;
    const auto directory = opened(folder);
    const std::string hash = hash_password("x", Strength::given);
    const auto problem = [&](const std::string& row) {
        const auto csv =
            parse_directory_csv("organisation,kind,address,name,owner,user_name,password_hash\n" + row + "\n", "d.csv");
        REQUIRE(csv.problems.empty());
        const auto planned = wait_for(directory->plan(csv.document, anything_goes)).value();
        return planned.problems.empty()
                   ? std::string{}
                   : std::to_string(planned.problems.front().line) + ": " + planned.problems.front().what;
    };
    const auto cell = "\"" + hash + "\"";
    CHECK(problem("g,user,a@g.example,A,,a.a," + cell).empty());
    CHECK(problem("g,user,a@g.example,A,,a.a,$2b$12$abcdefghijklmnopqrstuu")
              .find("2: a@g.example: password_hash: only argon2id") == 0);
    CHECK(problem("g,user,a@g.example,A,,a.a,").find("goes with a password_hash") != std::string::npos);
    CHECK(problem("g,group,a@g.example,A,b@g.example,a.a," + cell).find("only a user") != std::string::npos);
    CHECK(problem("g,user,a@g.example,A,,a@a," + cell).find("the user name") != std::string::npos);
    CHECK(problem("g,user,a@g.example,A,,same," + cell + "\ng,user,b@g.example,B,,same," + cell).find("is taken") !=
          std::string::npos);
}

TEST_CASE("exceptional access is given by a second person, to somebody else, for its time, and can be taken away")
{
    LoginScene scene;
    auto& logins = scene.logins;
    Access wanted;
    wanted.about = "eric.brown@g.example";
    wanted.who = "anna@g.example";
    wanted.reason = "long illness";
    wanted.until = scene.now + day;
    const auto open = [&] { return wait_for(logins.accesses(scene.eric, false, scene.now)).value(); };
    const auto number = wait_for(logins.ask_access(wanted, true, by("one", scene.now))).value();
    REQUIRE(number);
    CHECK(open().empty());
    CHECK_FALSE(wait_for(logins.decide(*number, true, {}, scene.rules, by("one", scene.now))));
    CHECK_FALSE(wait_for(logins.decide(*number, true, {}, scene.rules, by("anna@g.example (by root)", scene.now))));
    CHECK_FALSE(wait_for(logins.decide(*number, true, {}, scene.rules, by("eric.brown@g.example", scene.now))));
    const auto decided = wait_for(logins.decide(*number, true, "ok", scene.rules, by("two", scene.now)));
    REQUIRE(decided);
    CHECK(decided->now.who == "anna@g.example");
    REQUIRE(open().size() == 1);
    CHECK(open().front().reason == "long illness");
    SECTION("its time is over")
    {
        scene.now += day;
        CHECK(open().empty());
        CHECK(wait_for(logins.accesses(scene.eric, true, scene.now)).value().size() == 1);
    }
    SECTION("it is taken away")
    {
        CHECK(wait_for(logins.end_access(open().front().number, by("two", scene.now))).value());
        CHECK(open().empty());
    }
    CHECK(scene.check(scene.given.password).outcome == Outcome::must_change);  // the owner's own login is as it was
    Access stranger = wanted;
    stranger.who = "nobody@g.example";
    CHECK_FALSE(wait_for(logins.ask_access(stranger, true, by("one", scene.now))));
}

TEST_CASE("who gets a freed address has nothing of who had it: no membership, no access, no case")
{
    LoginScene scene;
    auto team = user("team@g.example", "greenstone");
    team.kind = EntryKind::group;
    team.owner = "anna@g.example";
    team.members = {{"eric.brown@g.example", true, false, true}};
    const auto anna = user("anna@g.example", "greenstone");
    applied(*scene.directory, document("greenstone", {user("eric.brown@g.example", "greenstone"), anna, team}));
    Access wanted;
    wanted.about = "eric.brown@g.example";
    wanted.who = "anna@g.example";
    wanted.reason = "long illness";
    REQUIRE_FALSE(wait_for(scene.logins.ask_access(wanted, false, by("one", scene.now))).value());
    REQUIRE(wait_for(scene.logins.accesses(scene.eric, false, scene.now)).value().size() == 1);
    auto left = team;
    left.members.clear();
    applied(*scene.directory, document("greenstone", {anna, left}));  // without Eric
    CHECK(wait_for(scene.logins.accesses(scene.eric, false, scene.now)).value().empty());
    applied(*scene.directory, document("greenstone", {user("eric.brown@g.example", "greenstone"), anna, left}));
    CHECK(wait_for(scene.logins.accesses(scene.eric, false, scene.now)).value().empty());
    CHECK(wait_for(scene.directory->find(address("team@g.example"))).value()->members.empty());
}

TEST_CASE("who was removed can be forgotten: address and audit stay, the rest is gone")
{
    LoginScene scene;
    scene.settle();
    auto& administration = scene.directory->administration();
    CHECK_FALSE(wait_for(administration.forget(scene.eric, by("root", scene.now))));
    applied(*scene.directory, document("greenstone", {user("anna@g.example", "greenstone")}));
    CHECK(wait_for(administration.kept_about(scene.eric)).value().standing.entry->name == "Eric Brown");
    CHECK(wait_for(administration.forget(scene.eric, by("root", scene.now))).value());
    const auto kept = wait_for(administration.kept_about(scene.eric)).value();
    CHECK(kept.standing.entry->status == EntryStatus::removed);
    CHECK(kept.standing.entry->name.empty());
    CHECK_FALSE(kept.audit.empty());
    CHECK_FALSE(wait_for(scene.logins.state(scene.eric)).value());
    CHECK_FALSE(wait_for(administration.forget(address("nobody@g.example"), by("root", scene.now))).value());
}

TEST_CASE("an organisation is reminded before, when it is due, and while it is overdue, each once")
{
    const Instant start = from_micros(1'700'000'000'000'000);
    ReminderTimes times;
    times.before = {day * 30, day * 7};
    std::optional<Reminder> kept;
    std::optional<Instant> due = start + day * 100;
    const auto told_at = [&](int days) {
        const auto reminded = remind({"greenstone", "terms", due}, kept, times, start + day * days);
        kept = reminded.kept;
        return reminded.tell;
    };
    CHECK_FALSE(told_at(0));
    CHECK(told_at(71));
    CHECK(kept->step == Duration(day * 30));
    CHECK_FALSE(told_at(72));
    CHECK(told_at(94));
    CHECK_FALSE(told_at(99));
    CHECK(told_at(100));
    CHECK(kept->step == Duration{});
    CHECK_FALSE(told_at(129));
    CHECK(told_at(130));
    due = start + day * 500;  // done: it begins anew
    CHECK_FALSE(told_at(131));
    CHECK(told_at(471));
}

TEST_CASE(
    "what was never done has a month, what the file lacks is told at once, and what is no duty any more is forgotten")
{
    const Folder folder;
    const auto directory = opened(folder);
    auto& administration = directory->administration();
    Instant now = from_micros(1'700'000'000'000'000);
    ReminderTimes times;
    times.before = {day * 7};
    const auto due = [&](std::vector<Duty> duties, std::size_t at_most = 100) {
        return wait_for(administration.remind(std::move(duties), times, now, at_most)).value().size();
    };
    const Duty terms{"greenstone", "terms", std::nullopt}, administrators{"greenstone", "administrators", Instant{}};
    CHECK(due({terms, administrators}) == 1);
    CHECK(due({terms, administrators}) == 0);
    now += day * 24;
    CHECK(due({terms, administrators}) == 1);
    now += day * 6;
    CHECK(due({terms}) == 1);
    CHECK(due({terms, administrators}) == 1);  // it lacks one again
    CHECK(due({{"a", "administrators", Instant{}}, {"b", "administrators", Instant{}}}, 1) == 1);
    CHECK(due({{"a", "administrators", Instant{}}, {"b", "administrators", Instant{}}}, 1) == 1);
    CHECK(due({{"a", "administrators", Instant{}}, {"b", "administrators", Instant{}}}, 1) == 0);
}

TEST_CASE("what is done now and then has its turn once in its time")
{
    const Folder folder;
    const auto directory = opened(folder);
    auto& administration = directory->administration();
    Instant now = from_micros(1'700'000'000'000'000);
    const auto turn = [&] { return wait_for(administration.take_turn("audit_head", day, now)).value(); };
    CHECK(turn());
    CHECK_FALSE(turn());
    now += day;
    CHECK(turn());
    CHECK_FALSE(turn());
}

TEST_CASE("records of the audit that are over go, and the rest still holds")
{
    const Folder folder;
    const auto directory = opened(folder);
    auto& administration = directory->administration();
    for (int i = 1; i <= 10; ++i) REQUIRE(wait_for(administration.note(by("root", from_micros(i * 1'000'000)))));
    const auto age = wait_for(administration.audit_age(from_micros(5'000'000))).value();
    CHECK(age.records == 10);
    CHECK(age.over == 4);
    CHECK(wait_for(administration.purge(from_micros(5'000'000))).value() == 4);
    const auto exported = wait_for(administration.export_all("mx")).value();
    const auto check = verify_export(exported, {}, {});
    CHECK(check.problems.empty());
    CHECK(check.first == 5);
    CHECK(check.last == 10);
}
