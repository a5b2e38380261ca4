// Entries of the directory, and what an import would change of them, as they are answered: JSON for programs, text for
// people. Pure; any thread.
#pragma once

#include "directory/administration.hpp"
#include "directory/import.hpp"
#include "policy/snapshot.hpp"

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace postern::control {

/// The address that others write to.
[[nodiscard]] std::string inside_form(const policy::Snapshot& policy, const directory::DirectoryEntry& entry);
/// What everybody sees of an entry, and the rest (`all`) for those who look after it.
[[nodiscard]] boost::json::object entry_json(const policy::Snapshot& policy, const directory::StandingEntry& standing,
                                             bool all);
[[nodiscard]] std::string entry_text(const boost::json::object& entry);
/// A text without quotes, anything else as JSON.
[[nodiscard]] std::string plain(const boost::json::value& value);

[[nodiscard]] boost::json::array problems_json(const std::vector<directory::ImportProblem>& problems);
[[nodiscard]] std::string problems_text(const std::vector<directory::ImportProblem>& problems);
[[nodiscard]] boost::json::value difference_json(const directory::Difference& difference, bool applied);
[[nodiscard]] std::string difference_text(const directory::Difference& difference, bool dry_run);

}  // namespace postern::control
