// A policy's own tests: each is rehearsed under the policy and held against what it expects.
//
// Blocking; on the caller's thread (with many tests a second one helps). `postern test` and each reload call this.
#pragma once

#include "gateway/rehearsal.hpp"
#include "policy/diagnostic.hpp"
#include "policy/files.hpp"
#include "policy/snapshot.hpp"
#include "policy/test_file.hpp"

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::gateway {

/// What was expected and what came.
struct Mismatch {
    std::string recipient;  ///< empty: the test as a whole
    std::string what;       ///< "verdict"
    std::string expected;
    std::string came;
};

struct TestOutcome {
    std::string name;
    std::string file;
    policy::Place place;
    std::vector<Mismatch> mismatches;  ///< none: it passed
    std::string explanation;           ///< of one that failed: the rules that decided
    std::string suspended{};           ///< of one that failed: an organisation in it whose mail does not pass now
};

struct PolicyTestReport {
    std::vector<TestOutcome> outcomes;   ///< in order of file and place
    std::vector<std::string> unreached;  ///< labels of rules that held in no test; empty where a filter chose
    policy::Diagnostics diagnostics;     ///< what is wrong with the tests' files; with an error nothing was run
    std::size_t failed = 0;

    [[nodiscard]] bool good() const noexcept { return failed == 0 && !policy::has_errors(diagnostics); }
};

struct PolicyTestOptions {
    std::string filter;                   ///< glob over names of tests, or of their files; empty: all
    Instant now{};                        ///< for tests that say no time; zero: the system's
    std::function<std::string()> stop{};  ///< why they should end now, empty: go on; asked between tests, on any thread
    ports::People* directory = nullptr;   ///< asked where a test does not say who is listed; null: directory.yaml
};

/// Of the files only tests/ and directory.yaml are looked at.
[[nodiscard]] PolicyTestReport run_policy_tests(const policy::SnapshotPtr& policy, const policy::FileSet& files,
                                                const PolicyTestOptions& options = {});

/// Puts a file among a policy's as its directory.yaml: it is no part of a policy, and says who is listed where tests do
/// not. Whether it could be read.
bool add_directory(policy::FileSet& files, const std::filesystem::path& file);
/// Failing tests as errors at their places, for a reload that refuses to go live; and what was wrong with the files.
/// Warnings where somebody in the test is suspended: that is done in need, and must not wait for tests to be rewritten.
[[nodiscard]] policy::Diagnostics failures_of(const PolicyTestReport& report);
[[nodiscard]] std::string report_text(const PolicyTestReport& report, const std::string& directory);
[[nodiscard]] boost::json::object report_json(const PolicyTestReport& report);

}  // namespace postern::gateway
