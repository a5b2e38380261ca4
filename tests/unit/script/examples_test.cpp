// The examples in lua/examples do what their opening lines say.
#include "scripts.hpp"

#include <fstream>
#include <sstream>

using namespace postern;
using namespace postern::script::test;
using Catch::Matchers::Contains;
using vocabulary::ActionId;

namespace {

Scripts example(const std::string& name)
{
    const auto path = std::string(POSTERN_SOURCE_DIR) + "/lua/examples/" + name;
    std::ifstream file(path, std::ios::binary);
    INFO(path);
    REQUIRE(file.good());
    std::stringstream text;
    text << file.rdbuf();
    ports::ScriptTables tables;
    tables["confidential"]["Nightjar"] = "operations";
    tables["confidential"]["project alder"] = "police";
    return Scripts(sources_of("rule.lua", text.str()), std::move(tables));
}

/// The names of what was ordered, in order.
std::string ordered(const ports::ScriptAnswer& answer)
{
    CHECK(answer.error == "");
    std::string names;
    for (const auto& order : answer.orders) {
        names += names.empty() ? "" : " ";
        names += vocabulary::info(order.action).name;
    }
    return names;
}

Instant at(unsigned day, int hour, int minute = 0)
{
    return Instant{(std::chrono::sys_days{std::chrono::year{2026} / 11 / std::chrono::day{day}} +
                    std::chrono::hours{hour} + std::chrono::minutes{minute})
                       .time_since_epoch()};
}

}  // namespace

TEST_CASE("protective marking: what is marked above the level waits for people, unless both sides are cleared")
{
    const auto scripts = example("protective_marking.lua");
    REQUIRE(scripts.made != nullptr);
    Mail secret("Subject: Plans\r\nX-Protective-Marking: SECRET; handling=now\r\n");
    CHECK(ordered(scripts.run(secret.facts)) == "quarantine");
    secret.court.roles = {"cleared"};
    auto answer = scripts.run(secret.facts);
    CHECK(ordered(answer) == "replace_header");
    CHECK(answer.orders.front().text == "SECRET");
    CHECK(ordered(scripts.run(Mail("Subject: [top secret] Plans\r\n").facts)) == "quarantine");
    CHECK(ordered(scripts.run(Mail("Subject: [OFFICIAL-SENSITIVE] Plans\r\n").facts)) == "replace_header");
    CHECK(ordered(scripts.run(Mail("Subject: Plans [listing]\r\n").facts)) == "");
    CHECK(ordered(scripts.run(Mail("X-Protective-Marking: OFFICIAL\r\nX-Protective-Marking: SECRET\r\n").facts)) ==
          "quarantine");
}

TEST_CASE("confidential words: only a recipient with the role reads them")
{
    const auto scripts = example("confidential_words.lua");
    REQUIRE(scripts.made != nullptr);
    Mail subject("Subject: About NIGHTJAR\r\n");
    CHECK(ordered(scripts.run(subject.facts)) == "quarantine");
    subject.court.roles = {"operations"};
    CHECK(ordered(scripts.run(subject.facts)) == "annotate");
    CHECK(ordered(scripts.run(Mail("Subject: x\r\n", "See Project-Alder.\r\n").facts)) == "quarantine");
    CHECK(ordered(scripts.run(Mail("Subject: Nightjars\r\n").facts)) == "");
}

TEST_CASE("out of hours: mail waits for the morning, urgent mail does not, and the sender is told once")
{
    const auto scripts = example("out_of_hours.lua");
    REQUIRE(scripts.made != nullptr);
    Mail mail("Subject: Listing\r\n");
    mail.facts.time = at(21, 21, 30);  // Saturday
    auto answer = scripts.run(mail.facts);
    CHECK(ordered(answer) == "hold notify");
    CHECK(answer.orders.front().lasts == Duration{std::chrono::minutes{34 * 60 + 30}});
    CHECK(ordered(scripts.run(mail.facts)) == "hold");
    mail.facts.time = at(20, 18);  // Friday evening
    CHECK(scripts.run(mail.facts).orders.front().lasts == Duration{std::chrono::hours{62}});
    mail.facts.time = at(24, 7, 59);  // Tuesday, early
    CHECK(scripts.run(mail.facts).orders.front().lasts == Duration{std::chrono::minutes{1}});
    mail.facts.time = at(24, 8);
    CHECK(ordered(scripts.run(mail.facts)) == "");
    Mail urgent("Subject: URGENT: bail\r\n");
    CHECK(ordered(scripts.run(urgent.facts)) == "");
}

TEST_CASE("large attachments: the copy is marked and the sender told, once a day")
{
    const auto scripts = example("large_attachments.lua");
    REQUIRE(scripts.made != nullptr);
    Mail mail;
    CHECK(ordered(scripts.run(mail.facts)) == "");
    mail.structure.parts.back().size = 6U << 20;
    const auto answer = scripts.run(mail.facts);
    CHECK(ordered(answer) == "tag_subject add_header notify");
    CHECK_THAT(answer.orders.back().text, Contains("notes.zip (6.0 MiB)"));
    CHECK(ordered(scripts.run(mail.facts)) == "tag_subject add_header");
}

TEST_CASE("first contact: one sign marks, two signs quarantine, and who is known is left alone")
{
    const auto scripts = example("first_contact.lua");
    REQUIRE(scripts.made != nullptr);
    CHECK(ordered(scripts.run(Mail("Subject: Hello\r\n").facts)) == "tag_subject annotate");
    Mail two("Subject: Payment overdue\r\n");
    const auto answer = scripts.run(two.facts);
    CHECK(ordered(answer) == "quarantine");
    CHECK_THAT(answer.orders.front().text, Contains("a subject that presses"));
    two.facts.first_contact = false;
    CHECK(ordered(scripts.run(two.facts)) == "");
    two.facts.first_contact.reset();
    CHECK(ordered(scripts.run(two.facts)) == "");
    CHECK(ordered(scripts.run(Mail("Reply-To: x@elsewhere.example\r\nSubject: Hello\r\n").facts)) == "quarantine");
}

TEST_CASE("quiet night: by night only what is critical is told, by day what concerns a watched member has a note")
{
    std::stringstream text;
    text << std::ifstream(POSTERN_SOURCE_DIR "/lua/examples/quiet_night.lua", std::ios::binary).rdbuf();
    ports::ScriptTables tables;
    tables["watched"]["greenstone"] = "moves its server this week";
    const Scripts scripts(sources_of("rule.lua", text.str()), std::move(tables));
    REQUIRE(scripts.made != nullptr);
    vocabulary::Event storm{vocabulary::EventId::bounce_storm, "bounce-storm", "many", at(24, 22), false, {}};
    CHECK(scripts.run(storm).holds == false);
    storm.at = at(24, 12);
    CHECK(scripts.run(storm).holds == true);
    const vocabulary::Event disk{vocabulary::EventId::disk_low, "disk-low", "full", at(24, 22), false, {}};
    CHECK(scripts.run(disk).holds == true);
    const vocabulary::Event down{vocabulary::EventId::destination_down, "destination-down", "gone", at(24, 12), false,
                                 {{"organisation", "greenstone"}}};
    const auto answer = scripts.run(down);
    CHECK(ordered(answer) == "annotate");
    CHECK(answer.orders.front().text == "greenstone moves its server this week");
}
