// Logins: what is right, what is refused, and that nobody learns why.
#include "logins_support.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <limits>
#include <set>

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;
using Outcome = LoginAnswer::Outcome;

TEST_CASE("an invitation is good for choosing a password, once, and makes the entry active")
{
    LoginScene scene;
    CHECK(scene.given.user_name == "eric.brown.greenstone");
    CHECK(scene.check(scene.given.password).outcome == Outcome::must_change);
    CHECK(found(*scene.directory, "eric.brown@g.example")->status == EntryStatus::invited);
    scene.settle();
    CHECK(found(*scene.directory, "eric.brown@g.example")->status == EntryStatus::active);
    CHECK(scene.check(scene.given.password).outcome == Outcome::refused);
    const auto answer = scene.check(good);
    CHECK(answer.outcome == Outcome::granted);
    CHECK(answer.address == "eric.brown@g.example");
    CHECK(answer.organisation == "greenstone");
    CHECK(scene.check(good, {}, "ERIC.BROWN.greenstone").outcome == Outcome::granted);
}

TEST_CASE("a one-time password runs out")
{
    LoginScene scene;
    scene.now += scene.rules.one_time_valid + std::chrono::seconds{1};
    CHECK(scene.check(scene.given.password).outcome == Outcome::refused);
}

TEST_CASE("a password must be long, nobody's name, new, and no word that many use")
{
    LoginScene scene;
    CHECK(scene.change(scene.given.password, "short").find("shorter than 12") != std::string::npos);
    CHECK(scene.change(scene.given.password, "I am Eric the great").find("person's name") != std::string::npos);
    CHECK(scene.change(scene.given.password, "aaaaaaaaaaaaaaa").find("same few") != std::string::npos);
    const auto words = scene.folder.file().parent_path() / "words.txt";
    std::ofstream(words) << "CorrectHorseBattery\n";
    scene.rules.refused_words = words;
    CHECK(scene.change(scene.given.password, "correcthorsebattery1").find("stolen") != std::string::npos);
    scene.settle();
    CHECK(scene.change(good, good).find("one in use") != std::string::npos);
    REQUIRE(scene.change(good, "another set of words").empty());
    CHECK(scene.change("another set of words", good).find("before") != std::string::npos);
}

TEST_CASE("a login is locked after wrong answers, for a time, and the right one does not help meanwhile")
{
    LoginScene scene;
    scene.settle();
    for (unsigned i = 1; i < scene.rules.wrong_answers; ++i) CHECK_FALSE(scene.check("wrong").locked_now);
    CHECK(scene.check("wrong").locked_now);
    CHECK(scene.check(good).outcome == Outcome::refused);
    scene.now += scene.rules.locked_for + std::chrono::seconds{1};
    CHECK(scene.check(good).outcome == Outcome::granted);
    for (unsigned i = 0; i < scene.rules.wrong_answers; ++i) (void)scene.check("wrong");
    CHECK(wait_for(scene.logins.unlock(scene.eric, by("clerk", scene.now))).value());
    CHECK(scene.check(good).outcome == Outcome::granted);
}

TEST_CASE("who is not there, a wrong password and a suspended entry are answered alike and cost the same")
{
    LoginScene scene;
    scene.settle();
    // The least of several, of processor time: what else the machine does is not in it.
    const auto cost = [&](const std::string& name) {
        double least = std::numeric_limits<double>::max();
        for (int i = 0; i < 3; ++i) {
            const auto start = std::clock();
            CHECK(scene.check("wrong", {}, name).outcome == Outcome::refused);
            least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
        }
        return least;
    };
    const double there = cost("eric.brown@g.example"), absent = cost("nobody@g.example"),
                 loginless = cost("anna@g.example");
    INFO(there << " s, " << absent << " s, " << loginless << " s");
    CHECK(absent > there * 0.4);
    CHECK(absent < there * 2.5);
    CHECK(loginless > there * 0.4);
    CHECK(loginless < there * 2.5);
}

TEST_CASE("a password that is too old must be changed, and its owner is warned at the declared times, once each")
{
    LoginScene scene;
    scene.settle();
    scene.rules.password_age = day * 365;
    scene.rules.warn = {day * 14, day * 7, day * 1};
    const auto due = [&] { return wait_for(scene.logins.due_warnings(scene.rules, scene.now)).value(); };
    CHECK(due().empty());
    scene.now += day * 352;
    REQUIRE(due().size() == 1);
    CHECK(due().empty());
    scene.now += day * 7;
    REQUIRE(due().size() == 1);
    scene.now += day * 5 + std::chrono::hours{1};
    const auto last = due();
    REQUIRE(last.size() == 1);
    CHECK(last.front().before == Duration(day * 1));
    CHECK(scene.check(good).outcome == Outcome::granted);
    scene.now += day * 2;
    CHECK(scene.check(good).outcome == Outcome::must_change);
}

TEST_CASE("a second factor is asked for when it is set up, each code is good once, and so is each recovery code")
{
    LoginScene scene;
    scene.settle();
    const Credentials own{scene.given.user_name, good, {}};
    const auto factor = wait_for(scene.logins.begin_factor(own, "cjsm.net", scene.rules, scene.now)).value();
    CHECK(factor.uri.starts_with("otpauth://totp/cjsm.net:eric.brown@g.example?secret="));
    CHECK_FALSE(wait_for(scene.logins.confirm_factor(own, factor.secret, "000000", scene.rules, scene.now)));
    // The secret's bytes are what base 32 says; the code is the one of an authenticator program.
    std::string raw;
    unsigned held = 0;
    std::uint32_t bits = 0;
    for (const char c : factor.secret) {
        bits = (bits << 5U) | static_cast<std::uint32_t>(c >= 'A' ? c - 'A' : c - '2' + 26);
        if ((held += 5) >= 8) raw += static_cast<char>((bits >> (held -= 8)) & 0xFFU);
    }
    const auto code = [&] { return totp_code(raw, static_cast<std::uint64_t>(to_micros(scene.now) / 30'000'000)); };
    const auto codes =
        wait_for(scene.logins.confirm_factor(own, factor.secret, code(), scene.rules, scene.now)).value();
    CHECK(codes.size() == 10);
    CHECK(scene.check(good).outcome == Outcome::needs_code);
    CHECK(scene.check(good, code()).outcome == Outcome::refused);  // it confirmed the factor, and is used up
    scene.now += std::chrono::seconds{30};
    CHECK(scene.check(good, code()).outcome == Outcome::granted);
    CHECK(scene.check(good, code()).outcome == Outcome::refused);
    CHECK(scene.check(good, codes[3]).outcome == Outcome::granted);
    CHECK(scene.check(good, codes[3]).outcome == Outcome::refused);
}

TEST_CASE("RFC 6238's codes come out")
{
    CHECK(totp_code("12345678901234567890", 59 / 30) == "287082");
    CHECK(totp_code("12345678901234567890", 1111111109 / 30) == "081804");
}

namespace {

const std::map<std::string, std::string> facts{{"What was the name of your first school?", "St. Mary's"},
                                               {"In which town were you born?", "York"},
                                               {"What was your first car?", "Mini  Cooper"}};

std::map<std::string, std::string> answers_to(const std::vector<std::string>& questions)
{
    std::map<std::string, std::string> answers;
    for (const auto& question : questions) answers[question] = to_lower(facts.at(question));
    return answers;
}

}  // namespace

TEST_CASE("a reset asks the same questions until they are answered; right answers give a one-time password")
{
    LoginScene scene;
    scene.settle();
    REQUIRE(wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, facts, scene.rules, scene.now)));
    const auto before = scene.check(good).generation;
    const auto questions = wait_for(scene.logins.reset_questions(scene.eric, scene.rules)).value();
    CHECK(questions.size() == scene.rules.reset_facts);
    CHECK(wait_for(scene.logins.reset_questions(scene.eric, scene.rules)).value() == questions);
    const auto reset =
        wait_for(scene.logins.reset(scene.eric, answers_to(questions), scene.rules, by("helper", scene.now))).value();
    REQUIRE(reset.given);
    CHECK(scene.check(good).outcome == Outcome::refused);
    const auto answer = scene.check(reset.given->password);
    CHECK(answer.outcome == Outcome::must_change);
    CHECK(answer.generation > before);  // sessions have ended
}

TEST_CASE("wrong answers count, lock the reset alone, and open a case that the service manager decides")
{
    LoginScene scene;
    scene.settle();
    REQUIRE(wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, facts, scene.rules, scene.now)));
    const auto questions = wait_for(scene.logins.reset_questions(scene.eric, scene.rules)).value();
    auto half_right = answers_to(questions);
    half_right.begin()->second = "no idea";
    std::optional<std::int64_t> number;
    for (unsigned i = 0; i < scene.rules.reset_wrong; ++i) {
        CHECK_FALSE(number);
        const auto no =
            wait_for(scene.logins.reset(scene.eric, half_right, scene.rules, by("helper", scene.now))).value();
        CHECK_FALSE(no.given);
        number = no.case_number;
    }
    REQUIRE(number);
    CHECK(scene.check(good).outcome == Outcome::granted);  // the login itself is not locked
    CHECK_FALSE(wait_for(scene.logins.reset(scene.eric, answers_to(questions), scene.rules, by("helper", scene.now)))
                    .value()
                    .given);
    CHECK(wait_for(scene.logins.cases(false)).value().size() == 1);
    const auto given =
        wait_for(scene.logins.decide(*number, true, "known by telephone", scene.rules, by("manager", scene.now)))
            .value()
            .given;
    REQUIRE(given);
    CHECK(scene.check(given->password).outcome == Outcome::must_change);
    CHECK_FALSE(wait_for(scene.logins.decide(*number, true, "again", scene.rules, by("manager", scene.now))));
}

TEST_CASE("answers are to questions of the service's list, so that what is made up looks like them")
{
    LoginScene scene;
    scene.settle();
    const auto set = [&](const std::map<std::string, std::string>& given) {
        const auto done =
            wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, given, scene.rules, scene.now));
        return done ? std::string{} : done.error().describe();
    };
    CHECK(set({{"What colour is my cat Rex?", "grey"}, {"In which town were you born?", "York"}})
              .find("none of the questions") != std::string::npos);
    CHECK(set({{"In which town were you born?", "York"}, {"What was your first car?", "Mini"}}).find("at least 3") !=
          std::string::npos);
    CHECK(set({{"in which town were you born? ", "York"},
               {"What was your first car?", "Mini"},
               {"What was your first job?", "Clerk"}})
              .empty());
    const auto asked = wait_for(scene.logins.reset_questions(scene.eric, scene.rules)).value();
    for (const auto& question : asked) CHECK(std::ranges::count(scene.rules.reset_questions, question) == 1);
}

namespace {

/// What a helper hears until there is a case: questions asked, and each answer's number of a case.
std::vector<std::optional<std::int64_t>> calls(LoginScene& scene, const mail::Address& about, unsigned times)
{
    std::vector<std::optional<std::int64_t>> heard;
    for (unsigned i = 0; i < times; ++i) {
        const auto asked = wait_for(scene.logins.reset_questions(about, scene.rules)).value();
        const auto said = wait_for(scene.logins.reset(about, {{asked[0], "no idea"}, {asked[1], "none"}}, scene.rules,
                                                      by("helper", scene.now)))
                              .value();
        CHECK_FALSE(said.confirmed);
        CHECK_FALSE(said.given);
        heard.push_back(said.case_number);
    }
    return heard;
}

}  // namespace

TEST_CASE("who has no login is asked of the same list, as much, and the same after a restart")
{
    LoginScene scene;
    const auto nobody = address("nobody@g.example"), anna = address("anna@g.example");
    const auto asked = wait_for(scene.logins.reset_questions(nobody, scene.rules)).value();
    CHECK(asked.size() == scene.rules.reset_facts);
    for (const auto& question : asked) CHECK(std::ranges::count(scene.rules.reset_questions, question) == 1);
    const auto without = wait_for(scene.logins.reset_questions(anna, scene.rules)).value();
    scene.directory.reset();
    const auto again = opened(scene.folder);
    CHECK(wait_for(again->logins().reset_questions(nobody, scene.rules)).value() == asked);
    CHECK(wait_for(again->logins().reset_questions(anna, scene.rules)).value() == without);
    // Names differ in what they are asked: one set for all would tell as well.
    std::set<std::vector<std::string>> sets;
    for (int i = 0; i < 40; ++i) {
        const auto other = address("nobody" + std::to_string(i) + "@g.example");
        sets.insert(wait_for(again->logins().reset_questions(other, scene.rules)).value());
    }
    CHECK(sets.size() > 8);
}

TEST_CASE("wrong answers for who does not exist count and escalate as anybody's")
{
    LoginScene scene;
    scene.settle();
    REQUIRE(wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, facts, scene.rules, scene.now)));
    const auto real = calls(scene, scene.eric, 5), made_up = calls(scene, address("nobody@g.example"), 5),
               loginless = calls(scene, address("anna@g.example"), 5);
    for (const auto& heard : {real, made_up, loginless}) {
        REQUIRE(heard.size() == 5);
        CHECK_FALSE(heard[1]);
        REQUIRE(heard[2]);
        CHECK(heard[3] == heard[2]);  // the same case is named while it is open
        CHECK(heard[4] == heard[2]);
    }
    const auto cases = wait_for(scene.logins.cases(false)).value();
    CHECK(cases.size() == 3);
    for (const auto& one : cases) CHECK(one.text == cases.front().text);
    CHECK_FALSE(wait_for(scene.logins.decide(*made_up[2], true, {}, scene.rules, by("manager", scene.now))));
    // A case that was closed does not open the reset again: who calls then is heard by the service manager again.
    REQUIRE(wait_for(scene.logins.decide(*real[2], false, "unknown", scene.rules, by("manager", scene.now))));
    const auto after = calls(scene, scene.eric, 2);
    REQUIRE(after[0]);
    CHECK(after[0] != real[2]);
    CHECK(after[1] == after[0]);
}

TEST_CASE("a lock is opened against the same proof as a reset, and all else stays")
{
    LoginScene scene;
    scene.settle();
    REQUIRE(wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, facts, scene.rules, scene.now)));
    const auto unlock = [&](const std::map<std::string, std::string>& answers, const mail::Address& about) {
        return wait_for(scene.logins.unlock_by_facts(about, answers, scene.rules, by("helper", scene.now))).value();
    };
    const auto lock = [&] {
        for (unsigned i = 0; i < scene.rules.wrong_answers; ++i) (void)scene.check("wrong");
        REQUIRE(scene.check(good).outcome == Outcome::refused);
    };
    lock();
    const auto questions = wait_for(scene.logins.reset_questions(scene.eric, scene.rules)).value();
    auto half_right = answers_to(questions);
    half_right.begin()->second = "no idea";
    CHECK_FALSE(unlock(half_right, scene.eric).confirmed);
    CHECK_FALSE(unlock({}, scene.eric).confirmed);
    CHECK(scene.check(good).outcome == Outcome::refused);
    const auto yes = unlock(answers_to(questions), scene.eric);
    CHECK(yes.confirmed);
    CHECK(yes.was_locked);
    CHECK_FALSE(yes.given);
    CHECK(scene.check(good).outcome == Outcome::granted);  // the password stays
    CHECK(wait_for(scene.logins.state(scene.eric)).value()->wrong == 0);
    SECTION("wrong answers count with those of resets, and lock both ways")
    {
        lock();
        std::optional<std::int64_t> number;
        for (unsigned i = 0; i < scene.rules.reset_wrong; ++i) number = unlock({}, scene.eric).case_number;
        CHECK(number);
        const auto asked = wait_for(scene.logins.reset_questions(scene.eric, scene.rules)).value();
        CHECK_FALSE(unlock(answers_to(asked), scene.eric).confirmed);
        CHECK_FALSE(wait_for(scene.logins.reset(scene.eric, answers_to(asked), scene.rules, by("helper", scene.now)))
                        .value()
                        .confirmed);
    }
    SECTION("who has no login is never confirmed")
    {
        const auto nobody = address("nobody@g.example");
        const auto asked = wait_for(scene.logins.reset_questions(nobody, scene.rules)).value();
        CHECK_FALSE(unlock({{asked[0], "york"}, {asked[1], "york"}}, nobody).confirmed);
    }
}

TEST_CASE("a reset for who does not exist costs what one with wrong answers costs")
{
    LoginScene scene;
    scene.settle();
    scene.rules.reset_wrong = 100;
    REQUIRE(wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, facts, scene.rules, scene.now)));
    const auto time = [&](const mail::Address& about) {
        (void)calls(scene, about, 1);
        const auto start = std::chrono::steady_clock::now();
        (void)calls(scene, about, 3);
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const double there = time(scene.eric), absent = time(address("nobody@g.example")),
                 loginless = time(address("anna@g.example"));
    INFO(there << " s, " << absent << " s, " << loginless << " s");
    CHECK(absent > there * 0.4);
    CHECK(absent < there * 2.5);
    CHECK(loginless > there * 0.4);
    CHECK(loginless < there * 2.5);
}

TEST_CASE("to take a second factor away needs two people where that is declared")
{
    LoginScene scene;
    scene.settle();
    CHECK_FALSE(wait_for(scene.logins.reset_factor(scene.eric, true, "lost", by("one", scene.now))));  // there is none
    const Credentials own{scene.given.user_name, good, {}};
    const auto factor = wait_for(scene.logins.begin_factor(own, "cjsm.net", scene.rules, scene.now)).value();
    std::string raw;
    unsigned held = 0;
    std::uint32_t bits = 0;
    for (const char c : factor.secret) {
        bits = (bits << 5U) | static_cast<std::uint32_t>(c >= 'A' ? c - 'A' : c - '2' + 26);
        if ((held += 5) >= 8) raw += static_cast<char>((bits >> (held -= 8)) & 0xFFU);
    }
    const auto code = totp_code(raw, static_cast<std::uint64_t>(to_micros(scene.now) / 30'000'000));
    REQUIRE(wait_for(scene.logins.confirm_factor(own, factor.secret, code, scene.rules, scene.now)));
    const auto number = wait_for(scene.logins.reset_factor(scene.eric, true, "lost", by("one", scene.now))).value();
    REQUIRE(number);
    CHECK(scene.check(good).outcome == Outcome::needs_code);
    CHECK_FALSE(wait_for(scene.logins.decide(*number, true, {}, scene.rules, by("one", scene.now))));
    REQUIRE(wait_for(scene.logins.decide(*number, true, {}, scene.rules, by("two", scene.now))));
    CHECK(scene.check(good).outcome == Outcome::granted);
}

TEST_CASE("who is not there for long is locked; sending and receiving count")
{
    LoginScene scene;
    scene.settle();
    scene.rules.inactive = day * 90;
    scene.now += day * 80;
    scene.logins.active("eric.brown@g.example", scene.now);
    REQUIRE(wait_for(scene.logins.keep_activity()));
    scene.now += day * 20;
    CHECK(wait_for(scene.logins.lock_inactive(scene.rules, scene.now)).value().empty());
    scene.now += day * 80;
    CHECK(wait_for(scene.logins.lock_inactive(scene.rules, scene.now)).value().size() == 1);
    CHECK(scene.check(good).outcome == Outcome::refused);
    CHECK(found(*scene.directory, "eric.brown@g.example")->status == EntryStatus::active);  // mail goes on
    CHECK(wait_for(scene.logins.unlock(scene.eric, by("clerk", scene.now))).value());
    CHECK(scene.check(good).outcome == Outcome::granted);
}

TEST_CASE("no password, answer or code stands in the database or in the audit")
{
    LoginScene scene;
    scene.settle();
    REQUIRE(wait_for(scene.logins.set_facts({scene.given.user_name, good, {}}, facts, scene.rules, scene.now)));
    (void)scene.check("a wrong password in clear");
    const auto exported = wait_for(scene.directory->administration().export_all("x")).value();
    for (const std::string& secret :
         {good, scene.given.password, std::string("a wrong password in clear"), std::string("st mary")})
        CHECK(exported.find(secret) == std::string::npos);
    scene.directory.reset();
    std::ifstream file(scene.folder.file(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    for (const std::string& secret : {good, scene.given.password, std::string("st mary"), std::string("mini cooper")})
        CHECK(bytes.find(secret) == std::string::npos);
}

TEST_CASE("a hash tells its cost, and what is none or costs too much is not taken")
{
    const std::string ours = hash_password("x", Strength::chosen);
    CHECK(why_not_taken(ours).empty());
    CHECK(is_as_strong_as_ours(ours));
    CHECK(why_not_taken(hash_password("x", Strength::given)).empty());
    CHECK_FALSE(is_as_strong_as_ours(hash_password("x", Strength::given)));
    const auto why = [](const std::string& hash) { return why_not_taken(hash); };
    CHECK(why("$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHQ$aGFzaA").find("too costly") != std::string::npos);
    CHECK(why("$argon2id$v=19$m=262144,t=10,p=1$c2FsdHNhbHQ$aGFzaA").find("too costly") != std::string::npos);
    CHECK(why("$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHQ$aGFzaA").find("too cheap") != std::string::npos);
    CHECK(why("$argon2id$v=19$m=65536,t=2,p=4$c2FsdHNhbHQ$aGFzaA").find("p other than 1") != std::string::npos);
    CHECK(why("$argon2i$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaA").find("only argon2id") != std::string::npos);
    CHECK(why("$2b$12$abcdefghijklmnopqrstuu").find("invite") != std::string::npos);
    CHECK(why("plain").find("only argon2id") != std::string::npos);
    CHECK(why(ours.substr(0, ours.size() - 30)).find("cut off") != std::string::npos);
}
