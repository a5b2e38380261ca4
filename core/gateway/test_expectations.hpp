// What a policy's test expects, held against what came.
//
// Pure; any thread.
#pragma once

#include "gateway/policy_tests.hpp"
#include "gateway/rehearsal.hpp"

#include <vector>

namespace postern::gateway {

[[nodiscard]] std::vector<Mismatch> compare(const policy::PolicyTest& test, const Rehearsed& rehearsed);

}  // namespace postern::gateway
