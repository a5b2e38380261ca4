// Two generations have a breaker each, and one list of alarms.
#include "script/breaker.hpp"

#include <catch2/catch.hpp>
#include <optional>

using namespace postern;
using script::Breaker;

TEST_CASE("an old generation's breaker ends its alarms, but not those that the new one has raised as well", "[breaker]")
{
    const SystemClock clock;
    Log log("/dev/null");
    ports::Alarms alarms(log, clock);
    std::optional<Breaker> old(std::in_place, clock, &alarms);
    Breaker now(clock, &alarms);
    const auto fail = [](Breaker& breaker, const char* file) {
        for (unsigned i = 0; i < Breaker::failures; ++i) breaker.note(file, "no such field");
    };
    const auto overrun = [](Breaker& breaker, const char* file) {
        for (unsigned i = 0; i < Breaker::overruns; ++i) breaker.record(file, "greenstone", true);
    };
    fail(*old, "old.lua");
    fail(*old, "both.lua");
    fail(now, "both.lua");
    overrun(*old, "old.lua");
    overrun(*old, "both.lua");
    overrun(now, "both.lua");
    REQUIRE(alarms.standing().size() == 4);
    old.reset();
    const auto left = alarms.standing();
    REQUIRE(left.size() == 2);
    CHECK(left[0].key == "script-failing both.lua");
    CHECK(left[1].key == "script-resting both.lua organisation:greenstone");
}
