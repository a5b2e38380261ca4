#include "scan/verdict_cache.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::scan;

TEST_CASE("verdicts are remembered by the message and what was asked, the last asked for longest")
{
    VerdictCache cache(2);
    Order order;
    order.viruses = true;
    const auto key = [&order](const char* message) { return VerdictCache::key(order, message); };
    vocabulary::Inspection seen;
    seen.signatures = "one";
    cache.keep(key("a"), seen);
    cache.keep(key("b"), seen);
    REQUIRE(cache.find(key("a")) != nullptr);
    cache.keep(key("c"), seen);
    CHECK(cache.find(key("a")) != nullptr);
    CHECK(cache.find(key("b")) == nullptr);
    order.obstacles = true;
    CHECK(cache.find(key("a")) == nullptr);
    order.obstacles = false;
    cache.clear();
    CHECK(cache.find(key("a")) == nullptr);
}

TEST_CASE("what there was no time for is looked into again")
{
    VerdictCache cache(2);
    const auto key = VerdictCache::key(Order{}, "a");
    vocabulary::Inspection seen;
    seen.unscannable = {"encrypted", "time"};
    cache.keep(key, seen);
    CHECK(cache.find(key) == nullptr);
    seen.unscannable = {"encrypted"};
    cache.keep(key, seen);
    CHECK(cache.find(key) != nullptr);
}
