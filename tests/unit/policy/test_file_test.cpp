#include "policy/test_file.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::policy;

namespace {

TestsFile read(const std::string& text, Diagnostics& diagnostics)
{
    return parse_tests_file(text, "tests/a.yaml", diagnostics);
}

std::string faults(const std::string& text)
{
    Diagnostics diagnostics;
    static_cast<void>(read(text, diagnostics));
    return render(diagnostics, "rules");
}

}  // namespace

TEST_CASE("a test is read as it is written in the policy language's own page", "[tests-file]")
{
    Diagnostics diagnostics;
    const auto file = read(R"(tests:
  - name: mail to a member server is tagged once
    given: { connects_from: greenstone, from: eric.brown@greenstonechambers.co.uk,
             to: [listing@crowncourt.example.cjsm.net], message: { subject: "Re: CJSM: Listing", size: 20 KiB } }
    expect: { verdict: deliver, organisation: crown-court, subject: "Re: CJSM: Listing" }
)",
                           diagnostics);
    REQUIRE(render(diagnostics, "rules") == "");
    REQUIRE(file.tests.size() == 1);
    const auto& test = file.tests.front();
    REQUIRE(test.name == "mail to a member server is tagged once");
    REQUIRE(test.place.line == 2);
    REQUIRE(test.given.connects_from == "greenstone");
    REQUIRE(test.given.to.size() == 1);
    REQUIRE(test.given.message.size == 20 * 1024);
    REQUIRE(test.expect.size() == 1);
    REQUIRE(test.expect.front().verdict == "deliver");
    REQUIRE(test.expect.front().subject == "Re: CJSM: Listing");
}

TEST_CASE("expectations of several recipients are a list", "[tests-file]")
{
    Diagnostics diagnostics;
    const auto file = read(R"(tests:
  - name: mixed
    given: { from: a@one.example, to: [b@two.example, c@two.example] }
    expect:
      - { recipient: b@two.example, verdict: deliver }
      - { recipient: c@two.example, verdict: refuse, reply: "5.7.1 *", rule: [only-b] }
)",
                           diagnostics);
    REQUIRE(render(diagnostics, "rules") == "");
    REQUIRE(file.tests.front().expect.size() == 2);
    REQUIRE(file.tests.front().expect.back().rules == std::vector<std::string>{"only-b"});
}

TEST_CASE("what is wrong with a test is said at its place", "[tests-file]")
{
    REQUIRE(faults("tests:\n  - name: a\n    given: { from: a@one.example, to: b@two.example }\n    expect: { verdit: "
                   "deliver }\n")
                .find("rules/tests/a.yaml:4:15: unknown key \"verdit\"") != std::string::npos);
    REQUIRE(faults("tests:\n  - name: a\n    given: { from: nobody, to: b@two.example }\n    expect: { verdict: deliver "
                   "}\n")
                .find("\"nobody\" is no address") != std::string::npos);
    REQUIRE(faults("tests:\n  - name: a\n    given: { from: \"<>\", to: b@two.example }\n    expect: { verdict: deliver "
                   "}\n")
                .find("nothing says whose connection it is") != std::string::npos);
    REQUIRE(faults("tests:\n  - name: a\n    given: { from: a@one.example, to: b@two.example, message: { file: "
                   "../../etc/passwd } }\n    expect: { verdict: deliver }\n")
                .find("a test's message lies beside it") != std::string::npos);
    const std::string twice =
        "  - name: a\n    given: { from: a@one.example, to: b@two.example }\n    expect: { verdict: deliver }\n";
    REQUIRE(faults("tests:\n" + twice + twice).find("a second test \"a\"") != std::string::npos);
}
