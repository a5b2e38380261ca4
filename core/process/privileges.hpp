// What the engine gives up after its start: root, new privileges, core dumps.
//
// Called by main() before any thread is started that should keep them. Throws std::runtime_error with what to do.
#pragma once

#include <string>

namespace postern::process {

/// Becomes `user` (with its groups) if this process is root; keeps only the capability to bind low ports, so that a
/// reload may add a listener on port 25. Without root, or without a user, nothing changes but the rest: no new
/// privileges by exec, no core dumps (they would hold mail), umask 077.
void drop(const std::string& user);

/// Gives `directory`, and what is in it, to `user` if this process is root: what it has just made there, or restored.
void hand_over(const std::string& directory, const std::string& user);

/// Raises the soft limit of open files to the hard one; returns it.
unsigned long raise_open_files();

}  // namespace postern::process
