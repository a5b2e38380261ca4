#include "gateway/backoff.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace std::chrono_literals;

TEST_CASE("the wait doubles from the first to the longest declared")
{
    const vocabulary::RetrySchedule retry{.first = 1min, .factor = 2, .at_most = 10min, .jitter = 0};
    REQUIRE(gateway::backoff(retry, 1, 0.5) == 1min);
    REQUIRE(gateway::backoff(retry, 2, 0.5) == 2min);
    REQUIRE(gateway::backoff(retry, 4, 0.5) == 8min);
    REQUIRE(gateway::backoff(retry, 5, 0.5) == 10min);
    REQUIRE(gateway::backoff(retry, 100'000, 0.5) == 10min);
}

TEST_CASE("jitter varies the wait both ways by at most its share")
{
    const vocabulary::RetrySchedule retry{.first = 10min, .factor = 1, .at_most = 1h, .jitter = 0.2};
    REQUIRE(gateway::backoff(retry, 3, 0.0) == 8min);
    REQUIRE(gateway::backoff(retry, 3, 1.0) == 12min);
}

TEST_CASE("a schedule of nothing still waits a moment")
{
    const vocabulary::RetrySchedule retry{.first = 0s, .factor = 0, .at_most = 0s, .jitter = 0};
    REQUIRE(gateway::backoff(retry, 0, 0.5) >= 1ms);
}
