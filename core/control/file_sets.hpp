// Files of a policy as JSON, both ways: {"name": "text"}, or {"name": {"base64": "..."}} for bytes that are no UTF-8.
//
// Pure. Faults (never) name the file.
#pragma once

#include "base/fault.hpp"
#include "policy/files.hpp"

#include <boost/json/value.hpp>

namespace postern::control {

[[nodiscard]] boost::json::object files_json(const policy::FileSet& files);
/// Names are those of a policy's files (policy::is_policy_file).
[[nodiscard]] Result<policy::FileSet> files_of(const boost::json::value& files);

}  // namespace postern::control
