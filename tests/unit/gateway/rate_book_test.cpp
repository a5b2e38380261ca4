#include "gateway/rate_book.hpp"

#include <catch2/catch.hpp>

using namespace postern;

namespace {

class SetClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return at; }
    Instant at{std::chrono::seconds{1'800'000'000}};
};

policy::RateOrder order(std::uint64_t count, bool per_message)
{
    policy::RateOrder made;
    made.name = "one-sender";
    made.key = "eric";
    made.rate = {count, std::chrono::hours{1}};
    made.per_message = per_message;
    return made;
}

}  // namespace

TEST_CASE("a rate that counts messages is taken once for all recipients, one that counts recipients for each")
{
    const SetClock clock;
    ports::Rates rates(clock);
    gateway::RateBook book(&rates);
    REQUIRE(book.take({order(1, true)}, "a"));
    REQUIRE(book.take({order(1, true)}, "b"));

    ports::Rates others(clock);
    gateway::RateBook each(&others);
    REQUIRE(each.take({order(1, false)}, "a"));
    REQUIRE_FALSE(each.take({order(1, false)}, "b"));
}

TEST_CASE("what was not kept is given back with the transaction, what was kept counts")
{
    const SetClock clock;
    ports::Rates rates(clock);
    {
        gateway::RateBook forgotten(&rates);
        REQUIRE(forgotten.take({order(1, true)}, "a"));
    }
    {
        gateway::RateBook taken(&rates);
        REQUIRE(taken.take({order(1, true)}, "a"));
        taken.keep();
    }
    gateway::RateBook next(&rates);
    REQUIRE_FALSE(next.take({order(1, true)}, "a"));
}

TEST_CASE("a recipient that is over one rate has taken none")
{
    const SetClock clock;
    ports::Rates rates(clock);
    gateway::RateBook book(&rates);
    auto other = order(0, false);
    other.name = "never";
    REQUIRE_FALSE(book.take({order(1, false), other}, "a"));
    REQUIRE(book.take({order(1, false)}, "b"));
    book.give_back("b");
    REQUIRE(book.take({order(1, false)}, "c"));
}

TEST_CASE("a rehearsal counts nothing")
{
    gateway::RateBook book(nullptr);
    for (int i = 0; i < 3; ++i) REQUIRE(book.take({order(1, false)}, "a"));
}
