#include "gateway/virus_check.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using gateway::verdict_on;
using vocabulary::Scanner;

namespace {

vocabulary::Inspection with(std::vector<std::string> reasons)
{
    vocabulary::Inspection seen;
    seen.unscannable = std::move(reasons);
    return seen;
}

}  // namespace

TEST_CASE("a virus is refused whatever is declared about what can't be looked into")
{
    auto seen = with({"encrypted"});
    seen.viruses.push_back({"Eicar-Test-Signature", 0});
    const auto verdict = verdict_on(seen, {});
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().retry() == Retry::never);
    CHECK_THAT(verdict.error().peer().text, Catch::Contains("Eicar-Test-Signature"));
}

TEST_CASE("what can't be looked into meets its declared verdict, the strictest of several")
{
    Scanner declared;
    CHECK(verdict_on(with({}), declared));
    CHECK(verdict_on(with({"encrypted", "macros", "broken"}), declared));
    CHECK_FALSE(verdict_on(with({"depth"}), declared));
    CHECK(verdict_on(with({"depth"}), declared).error().retry() == Retry::never);

    declared.unscannable.encrypted = Scanner::Verdict::defer;
    REQUIRE_FALSE(verdict_on(with({"encrypted"}), declared));
    CHECK(verdict_on(with({"encrypted"}), declared).error().retry() == Retry::later);
    CHECK(verdict_on(with({"encrypted", "size"}), declared).error().retry() == Retry::never);
    CHECK(verdict_on(with({"a reason of a later version"}), declared));
}
