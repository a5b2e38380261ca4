// Whom a rule's words mean, and on which side of the community each address lies.
#include "alert/reach.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using alert::Reached;
using vocabulary::AlertReach;
using vocabulary::AlertRole;

namespace {

mail::Address address(const std::string& text)
{
    return *mail::Address::parse(text);
}

class Demo final : public alert::Community {
public:
    [[nodiscard]] std::optional<mail::Address> inside(const mail::Address& given) const override
    {
        const auto text = given.text();
        if (text.ends_with(".cjsm.net") || text.ends_with("@cjsm.net")) return given;
        if (text.ends_with("@greenstonechambers.co.uk")) return address(text + ".cjsm.net");
        return std::nullopt;
    }
    [[nodiscard]] std::vector<mail::Address> administrators(std::string_view organisation) const override
    {
        if (organisation != "greenstone") return {};
        return {address("clerk@greenstonechambers.co.uk")};
    }
    [[nodiscard]] std::vector<std::string> non_secure(std::string_view organisation) const override
    {
        if (organisation != "greenstone") return {};
        return {"office@greenstone.example"};
    }
};

vocabulary::AlertTarget target(AlertRole role, AlertReach reach = AlertReach::both)
{
    vocabulary::AlertTarget made;
    made.role = role;
    made.reach = reach;
    return made;
}

std::vector<Reached> reached(std::vector<vocabulary::AlertTarget> targets)
{
    vocabulary::AlertPolicy policy;
    policy.people[AlertRole::operations] = {address("ops@cjsm.net"), address("duty@outside.example")};
    const vocabulary::Event event{
        vocabulary::EventId::virus_found,
        "x",
        "x",
        {},
        false,
        {{"sender.organisation", "greenstone"}, {"sender.address", "eric.brown@greenstonechambers.co.uk.cjsm.net"}}};
    return alert::reach(targets, event, policy, Demo());
}

}  // namespace

TEST_CASE("a role's addresses are told apart by the side they lie on")
{
    CHECK(reached({target(AlertRole::operations)}) ==
          std::vector<Reached>{{"ops@cjsm.net", true}, {"duty@outside.example", false}});
    CHECK(reached({target(AlertRole::operations, AlertReach::secure)}) == std::vector<Reached>{{"ops@cjsm.net", true}});
    CHECK(reached({target(AlertRole::operations, AlertReach::non_secure)}) ==
          std::vector<Reached>{{"duty@outside.example", false}});
}

TEST_CASE("administrators are those of the organisation that the event is about, in their form inside")
{
    CHECK(
        reached({target(AlertRole::organisation_administrators)}) ==
        std::vector<Reached>{{"clerk@greenstonechambers.co.uk.cjsm.net", true}, {"office@greenstone.example", false}});
}

TEST_CASE("nobody is told twice, and a sender without another address is told at the secure one alone")
{
    auto literal = target(AlertRole::address);
    literal.address = address("ops@cjsm.net");
    CHECK(reached({target(AlertRole::operations, AlertReach::secure), literal}).size() == 1);
    CHECK(reached({target(AlertRole::sender)}) ==
          std::vector<Reached>{{"eric.brown@greenstonechambers.co.uk.cjsm.net", true}});
    CHECK(reached({target(AlertRole::sender, AlertReach::non_secure)}).empty());
    CHECK(reached({target(AlertRole::user)}).empty());
}
