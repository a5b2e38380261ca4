#include "control/queries.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace std::chrono_literals;

TEST_CASE("a queue filter reads each parameter, and names one that it does not know")
{
    const auto filter = control::queue_filter(
        {{"id", "A,B"}, {"from", "eric*"}, {"held", "true"}, {"older_than", "2 hours"}, {"limit", "7"}});
    REQUIRE(filter);
    REQUIRE(filter->ids == std::vector<std::string>{"A", "B"});
    REQUIRE(filter->sender == "eric*");
    REQUIRE(filter->held == true);
    REQUIRE(filter->older_than == Duration(2h));
    REQUIRE(filter->limit == 7);

    const auto wrong = control::queue_filter({{"form", "eric*"}});
    REQUIRE_FALSE(wrong);
    REQUIRE(wrong.error().detail().find("\"form\"") != std::string::npos);
}

TEST_CASE("since is a moment or a time ago")
{
    const Instant now = from_micros(1'800'000'000'000'000);
    REQUIRE(*control::trace_filter({{"since", "2 hours"}}, now)->since == now - 2h);
    REQUIRE(to_iso8601(*control::trace_filter({{"since", "2026-11-23T10:00:00Z"}}, now)->since) ==
            "2026-11-23T10:00:00.000000Z");
    REQUIRE(to_iso8601(*control::trace_filter({{"since", "2026-11-23"}}, now)->since) == "2026-11-23T00:00:00.000000Z");
    REQUIRE_FALSE(control::trace_filter({{"since", "yesterday-ish"}}, now));
    REQUIRE_FALSE(control::trace_filter({{"limit", "0"}}, now));
    REQUIRE_FALSE(control::trace_filter({{"limit", "99999999999999999999999"}}, now));
}

TEST_CASE("an order for the queue that names nothing is refused unless it says all")
{
    REQUIRE_FALSE(control::queue_order("{}"));
    REQUIRE_FALSE(control::queue_order(R"({"reason":"x"})"));
    REQUIRE(control::queue_order(R"({"all":true})"));
    REQUIRE(control::queue_order(R"({"id":"A","reason":"why"})")->reason == "why");
    REQUIRE_FALSE(control::queue_order("not json"));
    REQUIRE_FALSE(control::queue_order(R"([1])"));
    REQUIRE_FALSE(control::queue_order(R"({"id":["A"]})"));
}
