#include "ports/rates.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

using namespace postern;
using namespace std::chrono_literals;
using postern::ports::Rates;
using postern::vocabulary::Rate;

namespace {

class SetClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return Instant{Duration{micros_.load()}}; }
    void pass(Duration some) { micros_ += some.count(); }

private:
    std::atomic<std::int64_t> micros_ = Duration{24h}.count();
};

int taken(Rates& rates, std::string_view key, const Rate& rate, int tries)
{
    int sum = 0;
    for (int i = 0; i < tries; ++i) sum += rates.take("rule", key, rate) ? 1 : 0;
    return sum;
}

}  // namespace

TEST_CASE("a rate lets through its count at once and then one for each share of its time")
{
    SetClock clock;
    Rates rates(clock);
    const Rate rate{200, 1h};

    REQUIRE(taken(rates, "a", rate, 300) == 200);
    clock.pass(17s);
    REQUIRE_FALSE(rates.take("rule", "a", rate));
    clock.pass(1s);
    REQUIRE(rates.take("rule", "a", rate));
    REQUIRE_FALSE(rates.take("rule", "a", rate));
    clock.pass(1h);
    REQUIRE(taken(rates, "a", rate, 300) == 200);
}

TEST_CASE("counters and keys are counted apart, whatever they are called")
{
    SetClock clock;
    Rates rates(clock);
    const Rate once{1, 1h};

    REQUIRE(rates.take("a", "bc", once));
    REQUIRE(rates.take("ab", "c", once));
    REQUIRE(rates.take("a", "bd", once));
    REQUIRE_FALSE(rates.take("a", "bc", once));
    REQUIRE(rates.counters() == 3);
}

TEST_CASE("asking counts nothing, and what is given back can be taken again")
{
    SetClock clock;
    Rates rates(clock);
    const Rate rate{10, 1h};

    for (int i = 0; i < 100; ++i) REQUIRE(rates.would_take("rule", "a", rate, 10));
    REQUIRE(rates.counters() == 0);
    REQUIRE(rates.take("rule", "a", rate, 10));
    REQUIRE_FALSE(rates.would_take("rule", "a", rate));
    rates.give_back("rule", "a", 3);
    REQUIRE(taken(rates, "a", rate, 10) == 3);
    rates.give_back("rule", "a", 1'000);
    REQUIRE(taken(rates, "a", rate, 20) == 10);
    rates.give_back("rule", "never seen");
    REQUIRE(rates.counters() == 1);
}

TEST_CASE("more at once than the rate allows is never taken, and takes nothing")
{
    SetClock clock;
    Rates rates(clock);
    const Rate rate{10, 1h};

    REQUIRE_FALSE(rates.take("rule", "a", rate, 11));
    REQUIRE(rates.take("rule", "a", rate, 10));
    REQUIRE_FALSE(rates.take("rule", "b", Rate{0, 1h}));
}

TEST_CASE("what was counted stays where a reload changes the rate, and where the clock is set back")
{
    SetClock clock;
    Rates rates(clock);

    REQUIRE(taken(rates, "a", Rate{10, 1h}, 20) == 10);
    REQUIRE_FALSE(rates.take("rule", "a", Rate{10, 1min}));
    REQUIRE(taken(rates, "a", Rate{15, 1h}, 20) == 5);
    clock.pass(-30min);
    REQUIRE_FALSE(rates.take("rule", "a", Rate{15, 1h}));
    clock.pass(90min);
    REQUIRE(taken(rates, "a", Rate{15, 1h}, 20) == 15);
}

TEST_CASE("a flood of new keys is bounded, and does not free the one who is at the limit")
{
    SetClock clock;
    Rates rates(clock, 1'600);
    const Rate rate{50, 1h};

    REQUIRE(taken(rates, "flooder", rate, 60) == 50);
    for (int i = 0; i < 20'000; ++i) {
        static_cast<void>(rates.take("rule", "new" + std::to_string(i), rate));
        REQUIRE(rates.counters() <= 1'600);
    }
    REQUIRE_FALSE(rates.take("rule", "flooder", rate));
    clock.pass(2h);
    for (int i = 0; i < 1'600; ++i) static_cast<void>(rates.take("rule", "later" + std::to_string(i), rate));
    REQUIRE(rates.take("rule", "flooder", rate));
}

TEST_CASE("threads that take at the same time never get more than the rate together")
{
    SetClock clock;
    Rates rates(clock);
    const Rate rate{1'000, 1h};
    std::atomic<int> sum = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back([&] { sum += taken(rates, "a", rate, 1'000); });
    }
    REQUIRE(sum == 1'000);
}
