#include "gateway/admission.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace std::chrono_literals;

namespace {

struct SetClock final : Clock {
    Instant at = from_micros(1'800'000'000'000'000);
    [[nodiscard]] Instant now() const override { return at; }
};

}  // namespace

TEST_CASE("a member may ask about recipients as often as declared, and again when time has passed")
{
    SetClock clock;
    gateway::CallOuts call_outs(clock);
    const vocabulary::Rate rate{3, 1min};
    for (int i = 0; i < 3; ++i) {
        REQUIRE(call_outs.allowed("greenstone", rate));
        call_outs.count("greenstone");
    }
    REQUIRE_FALSE(call_outs.allowed("greenstone", rate));
    REQUIRE(call_outs.allowed("crown-court", rate));
    call_outs.forgive("greenstone", 1);
    REQUIRE(call_outs.allowed("greenstone", rate));
    call_outs.count("greenstone");
    call_outs.forgive("crown-court", 9);
    REQUIRE_FALSE(call_outs.allowed("greenstone", rate));

    clock.at += 20s;
    REQUIRE(call_outs.allowed("greenstone", rate));
    call_outs.count("greenstone");
    REQUIRE_FALSE(call_outs.allowed("greenstone", rate));
}
