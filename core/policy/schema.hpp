// The JSON Schemas of yaml-schema/, made from the table of keys: what an editor completes is what the loader takes.
//
// Pure; any thread. A test holds the files in the tree against this.
#pragma once

#include "policy/keys.hpp"

#include <string>
#include <string_view>

namespace postern::policy {

/// "node", "routing", "tagging", "limits", "permissions", "content", "organisation".
[[nodiscard]] std::string_view kind_name(FileKind kind) noexcept;
/// Draft 07, indented, with a line end at the end.
[[nodiscard]] std::string json_schema(FileKind kind);

}  // namespace postern::policy
