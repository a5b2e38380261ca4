// What a script of alerts.yaml sees of an event, and what it may not ask.
#include "scripts.hpp"

using namespace postern;
using namespace postern::script::test;
using Catch::Matchers::Contains;

namespace {

const vocabulary::Event virus{
    vocabulary::EventId::virus_found, "object", "Eicar was found",
    Instant{std::chrono::hours{21}},  false,    {{"sender.organisation", "greenstone"}, {"signature", "Eicar"}}};

ports::ScriptAnswer asked(const std::string& body, const vocabulary::Event& event = virus)
{
    const Scripts scripts(sources_of("rule.lua", "return function(event)\n" + body + "\nend\n"));
    for (const auto& fault : scripts.faults) FAIL(fault.file << ":" << fault.line << ": " << fault.what);
    return scripts.run(event);
}

}  // namespace

TEST_CASE("a script of an alert sees the event: its name, severity, text, time and fields")
{
    for (const char* expression :
         {"event.name == 'virus_found'", "event.severity == 'critical'", "event.text == 'Eicar was found'",
          "event.object == 'object'", "event.time.hour == 21", "event:field('signature') == 'Eicar'",
          "event:field('sender.organisation') == 'greenstone'", "event:field('digest') == nil",
          "event.policy.generation == 41"}) {
        const auto answer = asked(std::string("return ") + expression);
        INFO(expression);
        CHECK(answer.error == "");
        CHECK(answer.holds == true);
    }
}

TEST_CASE("a field that the event can't carry is an error that names those it does, and there is no message")
{
    CHECK_THAT(asked("return event:field('destination') == nil").error, Contains("carries no \"destination\""));
    CHECK_THAT(asked("return event.subject == nil").error, Contains("event has no field \"subject\""));
    CHECK_THAT(asked("event.name = 'x'").error, Contains("can't be set"));
}

TEST_CASE("a script of an alert orders a note and nothing that concerns mail")
{
    const auto noted = asked("return postern.annotate('run book 7')");
    REQUIRE(noted.orders.size() == 1);
    CHECK(noted.orders.front().text == "run book 7");
    CHECK_THAT(asked("return postern.reject('5.7.1 no')").error, Contains("rules of alerts.yaml can't order"));
}
