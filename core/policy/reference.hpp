// The reference of yaml-schema/reference/: one page for each file, stage, field and action, made from the tables.
//
// Pure; any thread. A test holds the pages in the tree against this, and has the loader read every example.
#pragma once

#include <map>
#include <string>

namespace postern::policy {

/// Path below yaml-schema/reference/ -> text in Markdown. Blocks of YAML begin with the name of their file in a
/// comment.
[[nodiscard]] std::map<std::string, std::string> reference_pages();

}  // namespace postern::policy
