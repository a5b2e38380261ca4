#include "queue/places.hpp"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace postern::queue;

TEST_CASE("places are given out up to the number declared, and again when one comes back")
{
    Places places(2, 1000, [] {});
    auto first = places.take(10);
    auto second = places.take(10);
    REQUIRE(first);
    REQUIRE(second);
    REQUIRE_FALSE(places.take(0));

    first.reset();

    REQUIRE(places.take(0));
}

TEST_CASE("the bytes of contents in memory are bounded too, and a refused place takes none")
{
    Places places(10, 100, [] {});
    auto most = places.take(90);
    REQUIRE(most);
    REQUIRE_FALSE(places.take(20));
    REQUIRE(places.taken() == 1);
    REQUIRE(places.take(10));
}

TEST_CASE("who was refused a place is told when one comes back, and only then")
{
    int told = 0;
    Places places(1, 100, [&told] { ++told; });
    auto held = places.take(0);
    held.reset();
    REQUIRE(told == 0);

    held = places.take(0);
    REQUIRE_FALSE(places.take(0));
    held.reset();
    REQUIRE(told == 1);
}

TEST_CASE("a place that was moved comes back once")
{
    Places places(1, 100, [] {});
    {
        auto place = places.take(50);
        Place other = std::move(*place);
        Place third;
        third = std::move(other);
        REQUIRE(places.taken() == 1);
    }
    REQUIRE(places.taken() == 0);
    REQUIRE(places.take(100));
}

TEST_CASE("threads that take and give back leave nothing taken")
{
    Places places(8, 1000, [] {});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&places] {
            for (int i = 0; i < 2000; ++i) {
                [[maybe_unused]] const auto place = places.take(static_cast<std::uint64_t>(i % 300));
            }
        });
    for (auto& thread : threads) thread.join();
    REQUIRE(places.taken() == 0);
    REQUIRE(places.free() == 8);
}
