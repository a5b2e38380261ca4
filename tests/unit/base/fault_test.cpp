// Faults: who is told what.
#include "base/fault.hpp"

#include <catch2/catch.hpp>

using namespace postern;

namespace {

Result<int> failing()
{
    return fault(Retry::later, "timed out").about("ldap.example").because(fault(Retry::never, "no route"));
}

}  // namespace

TEST_CASE("a fault describes object, detail and causes")
{
    const auto result = failing();

    REQUIRE_FALSE(result);
    REQUIRE(result.error().retry() == Retry::later);
    REQUIRE(result.error().describe() == "ldap.example: timed out; because no route");
    REQUIRE(Fault(Retry::never, "x").describe() == "x");
}

TEST_CASE("a peer is told only what was meant for it")
{
    const Fault plain(Retry::later, "password of the directory is wrong");
    REQUIRE(plain.peer().text.find("password") == std::string::npos);
    REQUIRE(plain.peer().digits == 51);
    REQUIRE(Fault(Retry::never, "x").peer().digits == 54);

    const Fault told = fault(Retry::never, "x").tell_peer(50, {1, 1}, "No such user");
    REQUIRE(told.peer() == PeerText{50, {1, 1}, "No such user"});
    REQUIRE(told.detail() == "x");
}
