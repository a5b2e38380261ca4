// What rules need from the rest of a policy: organisations and roles that they name, scripts, addresses that lie inside
// the community; and what a message must be asked for their sake.
//
// For the compiler; borrows what it is given.
#pragma once

#include "policy/compiled_snapshot.hpp"
#include "policy/compiler.hpp"

namespace postern::policy {

/// Names everything in rules of all files that nothing else in the policy stands for.
void check_rules(const PolicyFiles& files, const Compiled& compiled, Diagnostics& diagnostics);
/// What has to be found out about a message before content and tags can be decided.
[[nodiscard]] Needs needs_of(const PolicyFiles& files);
/// content.yaml's own words, and the fields that any rule asks for.
[[nodiscard]] Keeping keeping_of(const PolicyFiles& files);

}  // namespace postern::policy
