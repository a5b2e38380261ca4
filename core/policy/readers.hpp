// From a checked tree to the typed document, one function for each kind of file.
//
// Each checks the tree's form by the table of keys first, then what its values mean together; mistakes are added to
// the source, and what comes back is complete only if there were none. Pure; any thread.
#pragma once

#include "policy/model.hpp"
#include "policy/values.hpp"

#include <filesystem>
#include <set>

namespace postern::policy {

/// `directory`: absolute; relative paths in the file count from it.
[[nodiscard]] NodeFile read_node_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory);
[[nodiscard]] RoutingFile read_routing_file(Source& source, const YamlNode& tree,
                                            const std::filesystem::path& directory);
[[nodiscard]] TaggingFile read_tagging_file(Source& source, const YamlNode& tree);
[[nodiscard]] LimitsFile read_limits_file(Source& source, const YamlNode& tree);
[[nodiscard]] OrganisationFile read_organisation_file(Source& source, const YamlNode& tree,
                                                      const std::filesystem::path& directory);

/// What readers share.
///
/// A next hop from `deliver_to` or `then`; `hosts_key` is how that map calls its list of hosts.
[[nodiscard]] vocabulary::NextHop read_next_hop(Source& source, const Values& map, const char* hosts_key,
                                                const std::filesystem::path& directory,
                                                std::vector<NamedFile>& named_files);
/// The path under `key`, absolute, or empty; remembered as a file that must be there where `named_files` is given.
[[nodiscard]] std::string read_path(const Values& map, const char* key, const std::filesystem::path& directory,
                                    std::vector<NamedFile>* named_files);
/// The rule's name; said twice in one file is an error.
[[nodiscard]] std::string read_rule_name(Source& source, const Values& rule, std::set<std::string>& taken);

}  // namespace postern::policy
