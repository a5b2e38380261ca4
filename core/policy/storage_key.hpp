// One key of node.yaml changed where it stands: everything else, comments too, stays as its author wrote it.
//
// Pure; any thread.
#pragma once

#include "base/fault.hpp"

#include <string>
#include <string_view>

namespace postern::policy {

/// The text of node.yaml with another `storage: directory`. Fault (never): it can't be read, or names none in one line.
[[nodiscard]] Result<std::string> with_storage(std::string_view node_yaml, const std::string& directory);

}  // namespace postern::policy
