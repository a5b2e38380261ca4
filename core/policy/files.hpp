// The files of a policy as values: what a generation was made of, wherever it lies (a directory, the archive, a
// request).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace postern::policy {

/// Contents by name; names are relative to the policy's directory, "organisations/greenstone.yaml".
using FileSet = std::map<std::string, std::string, std::less<>>;

/// Folders whose files belong to a policy whole, whatever they are called: scripts, tests, texts of reports.
[[nodiscard]] bool is_kept_folder(std::string_view name) noexcept;
/// Whether a file of this name belongs to a policy: known YAML, organisations/*.yaml, and what lies in lua/, tests/ and
/// templates/. Keys, certificates and directory.yaml do not. No part of such a name begins with a dot.
[[nodiscard]] bool is_policy_file(std::string_view name) noexcept;

}  // namespace postern::policy
