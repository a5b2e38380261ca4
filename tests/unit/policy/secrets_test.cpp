// Logins that routes and members name are there, in a file that only its owner may read; else the policy is refused
// with place, cause and remedy, and without a word of what the file holds.
#include "policy/loader.hpp"

#include "demo_copy.hpp"

#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <fstream>

using namespace postern;
namespace fs = std::filesystem;

namespace {

struct Secrets {
    policy::test::DemoCopy copy{"secrets"};
    fs::path file = copy.directory / "keys/logins.yaml";

    Secrets(const std::string& logins, mode_t mode)
    {
        fs::create_directories(copy.directory / "keys");
        std::ofstream(file) << logins;
        ::chmod(file.c_str(), mode);
        std::ofstream(copy.directory / "node.yaml", std::ios::app) << "\nsecrets: keys/logins.yaml\n";
        std::ofstream(copy.directory / "organisations/crown-court.yaml")
            << "organisation: crown-court\nname: Crown Court\nkind: server\nusers: any\n"
               "domains: [crowncourt.example]\nadministrators: [listing@crowncourt.example]\n"
               "connects_from: { networks: [127.0.0.12] }\n"
               "deliver_to: { hosts: [\"mail.crowncourt.example:587\"], tls: verify, credentials: court }\n";
    }
    [[nodiscard]] std::string complaints() const
    {
        const auto loaded = policy::Loader(copy.directory).load(1);
        const auto text = policy::render(loaded.diagnostics, "rules");
        CHECK(text.find("hunter2") == std::string::npos);
        CHECK((loaded.snapshot == nullptr) == policy::has_errors(loaded.diagnostics));
        return loaded.snapshot ? std::string("fine") : text;
    }
};

bool holds(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a login that deliver_to names is looked for in the secrets when the policy is loaded")
{
    CHECK(Secrets("court: { user: postern, password: hunter2 }\n", 0600).complaints() == "fine");
    const auto missing = Secrets("cuort: { user: postern, password: hunter2 }\n", 0600).complaints();
    INFO(missing);
    CHECK(holds(missing, "rules/organisations/crown-court.yaml:8:"));
    CHECK(holds(missing, "deliver_to of \"crown-court\" names the credentials \"court\""));
    CHECK(holds(missing, "did you mean \"cuort\"?"));
}

TEST_CASE("secrets that others may read, or that are no logins, are refused with their place in node.yaml")
{
    const auto open = Secrets("court: { user: postern, password: hunter2 }\n", 0644).complaints();
    CHECK(holds(open, "rules/node.yaml:"));
    CHECK(holds(open, "others than its owner may read the secrets; chmod 600"));
    const auto form = Secrets("court: { user: postern, passwort: hunter2 }\n", 0600).complaints();
    CHECK(holds(form, "line 1: write name: { user: ..., password: ... }"));
    CHECK(holds(Secrets("court: [hunter2", 0600).complaints(), "no YAML"));
}

TEST_CASE("secrets that are not there are a warning where a policy is only checked, for it may be another machine")
{
    const Secrets secrets("x: { user: a, password: hunter2 }\n", 0600);
    fs::remove(secrets.file);
    const auto loaded = policy::Loader(secrets.copy.directory).load(1);
    const auto text = policy::render(loaded.diagnostics, "rules");
    CHECK(loaded.snapshot);
    CHECK(holds(text, "keys/logins.yaml is not there or not readable"));
    CHECK(holds(text, "the policy does not go live without it"));
}
