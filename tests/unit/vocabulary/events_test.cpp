// The table of events holds together, and thresholds are read as they are printed.
#include "vocabulary/events.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace postern;
using namespace postern::vocabulary;

TEST_CASE("names of events, of thresholds and of alarms are unique")
{
    std::set<std::string_view> names, alarms;
    for (const auto& event : events()) {
        CHECK(names.insert(event.name).second);
        if (!event.threshold.empty()) CHECK(names.insert(event.threshold).second);
        if (!event.alarm.empty()) CHECK(alarms.insert(event.alarm).second);
    }
}

TEST_CASE("every event says in plain words what a person without rights may read, and no field's name")
{
    for (const auto& event : events()) {
        CHECK(!event.title.empty());
        CHECK(!event.advice.empty());
        CHECK(event.title.find("{{") == event.title.npos);
        CHECK(event.description.ends_with('.'));
    }
}

TEST_CASE("usual thresholds are thresholds of their form, in their one form")
{
    for (const auto& event : events()) {
        if (event.form == ThresholdForm::none) continue;
        INFO(event.name);
        const auto threshold = parse_threshold(event.form, event.usual);
        REQUIRE(threshold);
        CHECK(threshold->text == event.usual);
    }
}

TEST_CASE("a threshold is written in its event's unit")
{
    CHECK(parse_threshold(ThresholdForm::duration, "90 min")->duration == std::chrono::minutes{90});
    CHECK(parse_threshold(ThresholdForm::share, "12.5 %")->share == 0.125);
    CHECK(parse_threshold(ThresholdForm::share, "2 GiB")->bytes == 2ULL << 30);
    CHECK(parse_threshold(ThresholdForm::rate, "50 per 10 minutes")->rate.count == 50);
    CHECK_FALSE(parse_threshold(ThresholdForm::duration, "60"));
    CHECK_FALSE(parse_threshold(ThresholdForm::share, "ten"));
    CHECK_FALSE(parse_threshold(ThresholdForm::none, "1 hour"));
}
