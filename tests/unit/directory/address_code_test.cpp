// The address outside: nothing but its own confirmation goes there until its owner has given the code that was mailed.
#include "logins_support.hpp"

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;

namespace {

constexpr auto hour = std::chrono::hours{1};
const std::string home = "eric@home.example", moved = "eric@new-home.example";

struct Outside : LoginScene {
    Outside() { settle(); }

    void set(const std::string& to)
    {
        EntryEdit edit;
        edit.address = eric;
        edit.change = [to](DirectoryEntry& entry) {
            entry.non_secure = to;
            return Result<void>();
        };
        edit.check = anything_goes;
        edit.audit = by("clerk", now);
        edit.terms.non_secure_rests = rules.non_secure_rests;
        REQUIRE(wait_for(directory->administration().edit(std::move(edit))));
    }
    std::string counts()
    {
        return found(*directory, "eric.brown@g.example")->non_secure_at(now, rules.non_secure_rests);
    }
    std::string code()
    {
        const auto made = wait_for(logins.new_address_code(eric, rules, now)).value();
        REQUIRE(made);
        return made->code;
    }
    std::string confirm(const std::string& code, const std::string& password = good)
    {
        const auto done = wait_for(logins.confirm_address({given.user_name, password, {}}, code, rules, now));
        return done ? std::string{} : done.error().describe();
    }
};

}  // namespace

TEST_CASE("a person's first address outside counts when they have confirmed it, and not before")
{
    Outside scene;
    CHECK_FALSE(wait_for(scene.logins.new_address_code(scene.eric, scene.rules, scene.now)).value());
    scene.set(home);
    scene.now += scene.rules.non_secure_rests + hour;
    CHECK(scene.counts().empty());
    const auto code = scene.code();
    CHECK(scene.confirm(code, "not the password").find("wrong") != std::string::npos);
    CHECK(scene.confirm("00000000").find("not the newest code") != std::string::npos);
    CHECK(scene.counts().empty());
    CHECK(scene.confirm(code).empty());
    CHECK(scene.counts() == home);
    CHECK_FALSE(scene.confirm(code).empty());  // good once
    CHECK_FALSE(wait_for(scene.logins.new_address_code(scene.eric, scene.rules, scene.now)).value());
}

TEST_CASE("a changed address outside is confirmed and rests: until both, the one before it counts")
{
    Outside scene;
    scene.set(home);
    REQUIRE(scene.confirm(scene.code()).empty());
    scene.now += 10 * scene.rules.non_secure_rests;
    REQUIRE(scene.counts() == home);
    scene.set(moved);
    SECTION("confirmed at once, it rests")
    {
        REQUIRE(scene.confirm(scene.code()).empty());
        CHECK(scene.counts() == home);
        scene.now += scene.rules.non_secure_rests;
        CHECK(scene.counts() == moved);
    }
    SECTION("rested, but never confirmed")
    {
        scene.now += 10 * scene.rules.non_secure_rests;
        CHECK(scene.counts() == home);
    }
    SECTION("the code for one address confirms no other")
    {
        const auto code = scene.code();
        scene.set("thief@home.example");
        CHECK_FALSE(scene.confirm(code).empty());
        scene.now += 10 * scene.rules.non_secure_rests;
        CHECK(scene.counts() == home);
    }
    SECTION("taken back, the one that counted goes on to count")
    {
        scene.set(home);
        CHECK(scene.counts() == home);
        CHECK_FALSE(wait_for(scene.logins.new_address_code(scene.eric, scene.rules, scene.now)).value());
    }
}

TEST_CASE("a code for an address outside is void after wrong ones, in time, and by a newer one")
{
    Outside scene;
    scene.rules.mailed_code.at_most = {3, hour};
    scene.set(home);
    const auto first = scene.code();
    SECTION("wrong ones")
    {
        for (unsigned i = 0; i < scene.rules.mailed_code.tries; ++i) CHECK_FALSE(scene.confirm("12345678").empty());
        CHECK_FALSE(scene.confirm(first).empty());
    }
    SECTION("in time")
    {
        scene.now += scene.rules.one_time_valid;
        CHECK_FALSE(scene.confirm(first).empty());
    }
    SECTION("a newer one")
    {
        const auto second = scene.code();
        CHECK_FALSE(scene.confirm(first).empty());
        CHECK(scene.confirm(second).empty());
    }
    SECTION("no more are sent than declared, whoever asks")
    {
        (void)scene.code();
        (void)scene.code();
        CHECK_FALSE(wait_for(scene.logins.new_address_code(scene.eric, scene.rules, scene.now)));
    }
    CHECK(scene.last_act().find(first) == std::string::npos);
}
