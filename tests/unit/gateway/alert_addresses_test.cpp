// Whom alerts.yaml names is held against the directory and the ways out, and what is wrong is shown with its line.
#include "gateway/alert_addresses.hpp"
#include "gateway/policy_tests.hpp"
#include "gateway/rehearsed_people.hpp"
#include "policy/directory_file.hpp"
#include "policy/loader.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

using namespace postern;

namespace {

std::string slurp(const std::string& name)
{
    std::ifstream file(std::string(POSTERN_SOURCE_DIR "/rules/") + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The demo with this alerts.yaml, held against the demo's directory.
std::string complaints(const std::string& alerts, const std::string& routes = {}, bool with_people = true)
{
    auto files = std::make_shared<policy::FileSet>();
    for (const char* name :
         {"node.yaml", "organisations/greenstone.yaml", "organisations/crown-court.yaml", "organisations/smith.yaml",
          "organisations/victim-care.yaml", "organisations/service.yaml", "organisations/northshire-police.yaml"})
        (*files)[name] = slurp(name);
    (*files)["routing.yaml"] = "community: { suffix: cjsm.net, operator: postmaster@cjsm.net }\n" + routes;
    (*files)["alerts.yaml"] = alerts;
    policy::Loader loader(POSTERN_SOURCE_DIR "/rules", files);
    const auto loaded = loader.load(1);
    INFO(policy::render(loaded.diagnostics, "rules"));
    REQUIRE(loaded.snapshot);
    const auto directory = policy::parse_directory_file(slurp("directory.yaml"), "directory.yaml");
    REQUIRE_FALSE(policy::has_errors(directory.diagnostics));
    const gateway::PeopleIndex index(*loaded.snapshot, gateway::people_of(directory.document));
    std::vector<std::string> notes;
    gateway::RehearsedPeople people(loaded.snapshot, &index, notes);
    return policy::render(gateway::check_alert_addresses(*loaded.snapshot, alerts, with_people ? &people : nullptr),
                          "rules");
}

std::string naming(const std::string& address)
{
    return "people: { operations: " + address + " }\n";
}

}  // namespace

TEST_CASE("everybody whom the default alerts.yaml names is in the default directory")
{
    CHECK(complaints(slurp("alerts.yaml")) == "");
}

TEST_CASE("an address that the directory does not have is named with its place; nobody is asked where nobody can tell")
{
    CHECK(complaints(naming("nobody@cjsm.net")) ==
          "rules/alerts.yaml:1:23: warning: the directory has no nobody@cjsm.net\n"
          "    1 | people: { operations: nobody@cjsm.net }\n"
          "      |                       ^~~~~~~~~~~~~~~ its mail waits in vain; import it (postern directory import), "
          "or name another\n");
    CHECK(complaints(naming("nobody@cjsm.net"), {}, false) == "");
    CHECK(complaints(naming("nobody@greenstonechambers.co.uk")).find("the directory has no") != std::string::npos);
    CHECK(complaints(naming("clerks@greenstonechambers.co.uk")) == "");
    CHECK(complaints(naming("clerks@greenstonechambers.co.uk.cjsm.net")) == "");
    CHECK(complaints(naming("anybody@crowncourt.example")) == "");  // users: any
    CHECK(complaints(naming("x@nowhere.cjsm.net")).find("no member has the domain") != std::string::npos);
}

TEST_CASE("an address outside needs a route that takes alerts out")
{
    CHECK(complaints(naming("duty@outside.example")).find("no route leads to duty@outside.example") !=
          std::string::npos);
    CHECK(complaints(naming("duty@outside.example"),
                     "routes:\n  - name: out\n    when: { origin: alert, recipient.inside: false }\n"
                     "    then: { next_hop: [\"smarthost.example:587\"], tls: verify }\n") == "");
}
