// Tests of alerts.yaml: an event, held against what the rules make of it. Nothing is stored or sent.
//
// Pure; any thread.
#pragma once

#include "gateway/policy_tests.hpp"
#include "policy/snapshot.hpp"
#include "policy/test_file.hpp"

#include <string>
#include <vector>

namespace postern::gateway {

struct AlertTestResult {
    std::vector<Mismatch> mismatches;
    std::vector<std::string> reached;  ///< rules that made an alert or asked their script: "alerts.yaml:4 virus"
    std::string explanation;           ///< who would be told by which rule; empty: nobody
};

/// `now`: for a test that says no time.
[[nodiscard]] AlertTestResult run_alert_test(const policy::Snapshot& policy, const policy::AlertTest& test,
                                             Instant now);

}  // namespace postern::gateway
