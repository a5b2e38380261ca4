// What people must be told, where no rule of alerts.yaml tells them.
#include "policy_folder.hpp"

#include "policy/alert_coverage.hpp"

using namespace postern;
using namespace postern::policy;
using namespace postern::policy::test;

namespace {

std::string demo_file(const char* name)
{
    std::ostringstream text;
    text << std::ifstream(std::string(POSTERN_SOURCE_DIR "/rules/") + name, std::ios::binary).rdbuf();
    return text.str();
}

Diagnostics missing(const std::string& alerts, const std::string& permissions = demo_file("permissions.yaml"))
{
    const auto snapshot = policy_with({{"alerts.yaml", alerts}, {"permissions.yaml", permissions}});
    return check_alert_coverage(*snapshot, alerts);
}

std::string without(std::string text, const std::string& part)
{
    const auto at = text.find(part);
    REQUIRE(at != std::string::npos);
    return text.erase(at, part.size());
}

}  // namespace

TEST_CASE("the demo tells people all that they must be told")
{
    const auto found = missing(demo_file("alerts.yaml"));
    INFO(render(found, "rules"));
    CHECK(found.empty());
}

TEST_CASE("an event that nobody is told of is a warning with place, cause and remedy")
{
    const auto found = missing(without(demo_file("alerts.yaml"), "password_reset, "));
    REQUIRE(found.size() == 1);
    CHECK_FALSE(has_errors(found));
    const auto text = render(found, "rules");
    INFO(text);
    CHECK(text.find("rules/alerts.yaml:14:1: warning: no rule tells the user of password_reset: a login is taken over "
                    "and its owner learns nothing") != std::string::npos);
    CHECK(text.find("- { name: password-reset, on: password_reset, to: user }") != std::string::npos);
}

TEST_CASE("the remedy that a warning names is a rule that can be written, and takes it away")
{
    const std::string people = "people: { operations: [postmaster@cjsm.net] }\n";
    std::string alerts = people + "alerts:\n  - { name: other, on: policy_reload_failed, to: operations }\n";
    const auto found = missing(alerts);
    CHECK(found.size() == 18);
    for (const auto& one : found) alerts += "  " + one.remedy + "\n";
    const auto left = missing(alerts);
    INFO(render(left, "rules"));
    CHECK(left.empty());
}

TEST_CASE("what happens to a person's login is told to them, and not to others alone")
{
    auto alerts = demo_file("alerts.yaml");
    const std::string rule =
        "    on: [login_unlocked, password_reset, second_factor_reset, non_secure_changed, exceptional_access]\n    "
        "to: user\n";
    const auto at = alerts.find(rule);
    REQUIRE(at != std::string::npos);
    alerts.replace(at + rule.size() - 5, 4, "operations");
    const auto found = missing(alerts);
    CHECK(found.size() == 5);
    for (const auto& one : found) CHECK(one.what.find("no rule tells the user") == 0);
}

TEST_CASE("what can't happen under a policy need not be told")
{
    const auto alerts =
        without(without(demo_file("alerts.yaml"),
                        "  - name: password-ends\n    on: { password_expires_in: [14 days, 7 days, 1 day] }\n    to: "
                        "user                             # .secure or .non_secure for only one of both addresses\n"),
                "  - name: login-idle\n    on: { login_locks_in: [14 days, 1 day] }\n    to: user\n");
    CHECK(missing(alerts).size() == 2);
    const std::string no_ages = "logins: { password: { length: 12 } }\n";
    CHECK(missing(alerts, no_ages).empty());
}

TEST_CASE("a policy without alerts is one warning")
{
    const auto snapshot = policy_with({});
    const auto found = check_alert_coverage(*snapshot, "");
    REQUIRE(found.size() == 1);
    CHECK(found.front().what.find("no rule tells anybody of anything") == 0);
}
