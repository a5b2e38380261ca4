// Who may do what to whose data: one function, from permissions.yaml.
#include "policy/loader.hpp"
#include "policy_folder.hpp"

#include <catch2/catch.hpp>
#include <chrono>

using namespace postern;
using namespace postern::policy;
using vocabulary::Act;
using vocabulary::Role;

namespace {

Powers demo()
{
    Loader loader(std::string(POSTERN_SOURCE_DIR) + "/rules");
    auto loaded = loader.load(1);
    INFO(render(loaded.diagnostics, "rules"));
    REQUIRE(loaded.snapshot);
    return loaded.snapshot->powers();
}

Caller somebody(const std::string& key, const std::string& organisation, std::vector<HeldRole> roles)
{
    roles.push_back({Role::user, organisation, "is an active user"});
    return {key, key, organisation, std::move(roles)};
}

Subject entry(const std::string& key, std::vector<std::string> organisations, bool holds_role = false)
{
    return {key, key, std::move(organisations), holds_role};
}

}  // namespace

TEST_CASE("an administrator acts in their own organisation and its parts, and nowhere else")
{
    const auto powers = demo();
    const auto clerk = somebody("clerk@g.example", "greenstone",
                                {{Role::organisation_administrator, "greenstone", "the file of greenstone"}});
    CHECK(powers.may(clerk, Act::add_user, entry("new@g.example", {"greenstone"})).allowed);
    CHECK(powers.may(clerk, Act::add_user, entry("new@york.example", {"greenstone-york", "greenstone"})).allowed);
    CHECK_FALSE(powers.may(clerk, Act::add_user, entry("new@s.example", {"smith"})).allowed);
    CHECK_FALSE(powers.may(clerk, Act::apply_policy, {"the service", {}, {}, false}).allowed);
    CHECK_FALSE(powers.may(clerk, Act::see_queue, {"the service", {}, {}, false}).allowed);
}

TEST_CASE("the helpdesk resets across organisations, but nobody who holds a role")
{
    const auto powers = demo();
    const auto helper = somebody("help@s.example", "service", {{Role::helpdesk, {}, "granted"}});
    CHECK(powers.may(helper, Act::reset_password, entry("eric@g.example", {"greenstone"})).allowed);
    const auto refused = powers.may(helper, Act::reset_password, entry("clerk@g.example", {"greenstone"}, true), true);
    CHECK_FALSE(refused.allowed);
    bool said = false;
    for (const auto& line : refused.looked) said = said || line.find("holds a role") != std::string::npos;
    CHECK(said);
}

TEST_CASE("a user edits their own entry alone")
{
    const auto powers = demo();
    const auto eric = somebody("eric@g.example", "greenstone", {});
    CHECK(powers.may(eric, Act::edit_entry, entry("eric@g.example", {"greenstone"})).allowed);
    CHECK_FALSE(powers.may(eric, Act::edit_entry, entry("anna@g.example", {"greenstone"})).allowed);
    CHECK(powers.may(eric, Act::find_user, entry("anna@s.example", {"smith"})).allowed);
    CHECK_FALSE(powers.may(eric, Act::see_hidden, entry("anna@s.example", {"smith"})).allowed);
}

TEST_CASE("an auditor reads and changes nothing")
{
    const auto powers = demo();
    const Caller auditor{"audit@s.example", "audit@s.example", "service", {{Role::auditor, {}, "granted"}}};
    for (const auto& act : vocabulary::acts())
        if (act.changes) CHECK_FALSE(powers.may(auditor, act.act, {"the service", {}, {}, false}).allowed);
    CHECK(powers.may(auditor, Act::see_audit, {"the service", {}, {}, false}).allowed);
}

TEST_CASE("a decision names its line; who holds nothing may nothing; without roles who is let in may everything")
{
    const auto powers = demo();
    const auto clerk =
        somebody("clerk@g.example", "greenstone", {{Role::organisation_administrator, "greenstone", "x"}});
    const auto decision = powers.may(clerk, Act::manage_list, entry("duty@g.example", {"greenstone"}), true);
    CHECK(decision.rule.starts_with("permissions.yaml:"));
    CHECK(decision.rule.ends_with("organisation_administrator"));
    const Caller nobody{"nobody", {}, {}, {}};
    CHECK_FALSE(powers.may(nobody, Act::find_user, {"the service", {}, {}, false}).allowed);
    CHECK(powers.roles_of_name("anybody", false).size() == 1);  // the demo names no holders

    const Powers undeclared;
    const Caller admitted{"root", {}, {}, undeclared.roles_of_name("root", true)};
    CHECK(undeclared.may(admitted, Act::apply_policy, {"the service", {}, {}, false}).allowed);
    CHECK_FALSE(undeclared.may(nobody, Act::see_status, {"the service", {}, {}, false}).allowed);
}

TEST_CASE("holders are named; the machine's owner is a service administrator besides")
{
    const Powers powers({}, {{"ops", Role::operations, 7}}, true, true);
    CHECK(powers.roles_of_name("ops", false).size() == 1);
    CHECK(powers.roles_of_name("ops", false).front().role == Role::operations);
    CHECK(powers.roles_of_name("stranger", false).empty());
    CHECK(powers.roles_of_name("root", true).front().role == Role::service_administrator);
}

TEST_CASE("a decision takes at most 10 microseconds")
{
    const auto powers = demo();
    const auto clerk =
        somebody("clerk@g.example", "greenstone",
                 {{Role::helpdesk, {}, "granted"}, {Role::organisation_administrator, "greenstone", "x"}});
    const auto subject = entry("eric@g.example", {"greenstone-york", "greenstone"});
    constexpr int times = 20'000;
    int allowed = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) allowed += powers.may(clerk, Act::manage_list, subject).allowed ? 1 : 0;
    const auto spent = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    CHECK(allowed == times);
    CHECK(spent / times < 10.0);
}
