// Second factors that are required, codes by mail, sessions, and logins that nobody uses.
#include "logins_support.hpp"

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;
using Outcome = LoginAnswer::Outcome;

namespace {

/// A member with codes by mail, and the code that is on its way.
struct Mailed : LoginScene {
    Mailed()
    {
        rules.mailed_code.to = vocabulary::MailedCodeRule::To::any;
        settle();
    }
    Result<CodeToMail> ask(const std::string& password = good)
    {
        return wait_for(logins.new_mailed_code({given.user_name, password, {}}, rules, now));
    }
    void set_up()
    {
        const auto code = ask();
        REQUIRE(code);
        recovery = wait_for(logins.confirm_mailed({given.user_name, good, {}}, code->code, rules, now)).value();
    }
    std::vector<std::string> recovery;
};

}  // namespace

TEST_CASE("who needs a second factor and has none can log in for nothing but to set it up")
{
    LoginScene scene;
    scene.settle();
    auto& factor = scene.rules.second_factor;
    CHECK(scene.check(good).outcome == Outcome::granted);
    SECTION("everybody")
    {
        factor.everybody = true;
    }
    SECTION("an organisation's people")
    {
        factor.organisations = {"greenstone"};
    }
    SECTION("whom an organisation's file names as administrators")
    {
        factor.administrators = std::make_shared<const std::unordered_set<std::string>>(
            std::unordered_set<std::string>{"eric.brown@g.example"});
    }
    SECTION("who was granted a role")
    {
        factor.roles = {vocabulary::Role::helpdesk};
        CHECK(scene.check(good).outcome == Outcome::granted);
        Grant grant{.key = scene.eric.key(),
                    .role = vocabulary::Role::helpdesk,
                    .organisation = {},
                    .at = scene.now,
                    .by = "root"};
        REQUIRE(wait_for(scene.directory->administration().grant(grant, by("root", scene.now))));
    }
    const auto answer = scene.check(good);
    CHECK(answer.outcome == Outcome::must_set_factor);
    CHECK_FALSE(wait_for(scene.logins.begin_session(answer, scene.rules, scene.now)));
    const Credentials own{scene.given.user_name, good, {}};
    CHECK_FALSE(
        wait_for(scene.logins.set_facts(own, {{"Name of the first school?", "St. Mary's"}}, scene.rules, scene.now)));
    const auto secret = scene.set_up_program();
    CHECK(scene.check(good).outcome == Outcome::needs_code);
    scene.now += std::chrono::seconds{30};
    CHECK(scene.check(good, code_of(secret, scene.now)).outcome == Outcome::granted);
}

TEST_CASE("another organisation's people and who holds another role need no second factor")
{
    LoginScene scene;
    scene.settle();
    scene.rules.second_factor.organisations = {"crown-court"};
    scene.rules.second_factor.roles = {vocabulary::Role::auditor};
    CHECK(scene.check(good).outcome == Outcome::granted);
}

TEST_CASE("a code by mail is good once, for its time, and for what it was asked for")
{
    Mailed scene;
    const auto first = scene.ask();
    REQUIRE(first);
    CHECK(first->code.size() == 8);
    CHECK(first->entry->address == scene.eric);
    const Credentials own{scene.given.user_name, good, {}};
    CHECK_FALSE(wait_for(scene.logins.confirm_mailed(own, "00000000", scene.rules, scene.now)));
    const auto codes = wait_for(scene.logins.confirm_mailed(own, first->code, scene.rules, scene.now));
    REQUIRE(codes);
    CHECK(codes->size() == 10);

    const auto answer = scene.check(good);
    CHECK(answer.outcome == Outcome::needs_code);
    CHECK(answer.by_mail);
    CHECK_FALSE(answer.by_program);
    CHECK(scene.check(good, first->code).outcome == Outcome::refused);  // used up
    const auto second = scene.ask().value();
    CHECK(scene.check("wrong", second.code).outcome == Outcome::refused);
    CHECK(scene.check(good, second.code).outcome == Outcome::granted);
    CHECK(scene.check(good, second.code).outcome == Outcome::refused);

    const auto third = scene.ask().value();
    scene.now += scene.rules.mailed_code.valid;
    CHECK(scene.check(good, third.code).outcome == Outcome::refused);
    const auto fourth = scene.ask().value();
    const auto fifth = scene.ask().value();
    CHECK(scene.check(good, fourth.code).outcome == Outcome::refused);  // a newer one is on its way
    CHECK(scene.check(good, fifth.code).outcome == Outcome::granted);
    CHECK(scene.check(good, codes->front()).outcome == Outcome::granted);  // a recovery code
}

TEST_CASE("wrong codes void the one that was mailed")
{
    Mailed scene;
    scene.set_up();
    scene.rules.wrong_answers = 100;
    const auto code = scene.ask().value();
    for (unsigned i = 0; i < scene.rules.mailed_code.tries; ++i)
        CHECK(scene.check(good, "12345678").outcome == Outcome::refused);
    CHECK(scene.check(good, code.code).outcome == Outcome::refused);
}

TEST_CASE(
    "no more codes are mailed than is declared, none for a wrong password, and none to a login that has another factor")
{
    Mailed scene;
    scene.rules.mailed_code.at_most = {2, std::chrono::hours{1}};
    CHECK_FALSE(scene.ask("wrong"));
    CHECK(scene.ask());
    CHECK(scene.ask());
    const auto refused = scene.ask();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().describe().find("2 per hour") != std::string::npos);
    scene.now += std::chrono::hours{1};
    CHECK(scene.ask());
    scene.set_up_program();
    const auto other = scene.ask();
    REQUIRE_FALSE(other);
    CHECK(other.error().describe().find("authenticator") != std::string::npos);
}

TEST_CASE("a mailed code stands nowhere but in the answer")
{
    Mailed scene;
    const auto code = scene.ask().value();
    const auto exported = wait_for(scene.directory->administration().export_all("x")).value();
    CHECK(exported.find(code.code) == std::string::npos);
    CHECK(exported.find("mail_code") != std::string::npos);
}

TEST_CASE("a session goes on while it is used, and ends at its declared times")
{
    LoginScene scene;
    scene.settle();
    scene.rules.session_longest = std::chrono::hours{8};
    scene.rules.session_idle = std::chrono::minutes{30};
    const auto session = wait_for(scene.logins.begin_session(scene.check(good), scene.rules, scene.now)).value();
    const auto goes_on = [&] {
        return wait_for(scene.logins.session(session.token, scene.rules, scene.now)).value().has_value();
    };
    CHECK(session.token.size() > 40);
    CHECK(wait_for(scene.logins.session(session.token, scene.rules, scene.now)).value()->address ==
          "eric.brown@g.example");
    CHECK_FALSE(wait_for(scene.logins.session("another", scene.rules, scene.now)).value());
    SECTION("not used")
    {
        scene.now += scene.rules.session_idle;
        CHECK_FALSE(goes_on());
    }
    SECTION("used all the time")
    {
        for (int minutes = 0; minutes < 8 * 60 - 20; minutes += 20) {
            scene.now += std::chrono::minutes{20};
            CHECK(goes_on());
        }
        scene.now += std::chrono::minutes{20};
        CHECK_FALSE(goes_on());
    }
    SECTION("the rules are those of now")
    {
        scene.rules.session_longest = std::chrono::minutes{5};
        scene.now += std::chrono::minutes{5};
        CHECK_FALSE(goes_on());
    }
    SECTION("ended")
    {
        CHECK(wait_for(scene.logins.end_session(session.token, scene.now)).value());
        CHECK_FALSE(goes_on());
        CHECK_FALSE(wait_for(scene.logins.end_session(session.token, scene.now)).value());
    }
    SECTION("another password")
    {
        REQUIRE(scene.change(good, "another set of words").empty());
        CHECK_FALSE(goes_on());
    }
    SECTION("a second factor")
    {
        scene.set_up_program();
        CHECK_FALSE(goes_on());
    }
    SECTION("all are ended")
    {
        CHECK(wait_for(scene.logins.end_sessions(scene.eric, by("clerk", scene.now))).value());
        CHECK_FALSE(goes_on());
    }
    SECTION("the entry is suspended")
    {
        auto entry = *found(*scene.directory, "eric.brown@g.example");
        entry.status = EntryStatus::suspended;
        applied(*scene.directory, document("greenstone", {entry, user("anna@g.example", "greenstone")}));
        CHECK_FALSE(goes_on());
    }
    CHECK(wait_for(scene.logins.forget_what_is_over(scene.rules, scene.now)));
}

TEST_CASE("who was away for long is warned before, and comes in again by the second factor alone")
{
    LoginScene scene;
    scene.settle();
    scene.rules.inactive = day * 90;
    scene.rules.warn_idle = {day * 14, day * 1};
    const auto warned = [&] { return wait_for(scene.logins.due_idle_warnings(scene.rules, scene.now)).value(); };
    const auto secret = scene.set_up_program();
    CHECK(warned().empty());
    scene.now += day * 80;
    REQUIRE(warned().size() == 1);
    CHECK(warned().empty());
    // Who comes back is warned anew another time.
    scene.logins.active(scene.eric.key(), scene.now);
    REQUIRE(wait_for(scene.logins.keep_activity()));
    CHECK(warned().empty());
    scene.now += day * 77;
    const auto again = warned();
    REQUIRE(again.size() == 1);
    CHECK(again.front().before == Duration(day * 14));
    CHECK(again.front().address == "eric.brown@g.example");
    scene.now += day * 20;
    CHECK(wait_for(scene.logins.lock_inactive(scene.rules, scene.now)).value().size() == 1);
    // Somebody who guesses does not open it when their lock is over.
    for (unsigned i = 0; i < scene.rules.wrong_answers; ++i) CHECK(scene.check("wrong").outcome == Outcome::refused);
    CHECK(scene.check(good, code_of(secret, scene.now)).outcome == Outcome::refused);
    scene.now += scene.rules.locked_for;
    CHECK(scene.check(good).outcome == Outcome::needs_code);
    CHECK(scene.check(good, code_of(secret, scene.now)).outcome == Outcome::granted);
    CHECK(wait_for(scene.logins.state(scene.eric)).value()->lock_reason.empty());
}
