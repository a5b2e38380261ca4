// From a checked tree to the typed document, one function for each kind of file.
//
// Each checks the tree's form by the table of keys first, then what its values mean together; mistakes are added to
// the source, and what comes back is complete only if there were none. Pure; any thread.
#pragma once

#include "policy/model.hpp"
#include "policy/shadow.hpp"
#include "policy/values.hpp"

#include <fmt/format.h>
#include <filesystem>
#include <set>

namespace postern::policy {

/// `directory`: absolute; relative paths in the file count from it.
[[nodiscard]] NodeFile read_node_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory);
/// node.yaml's `machine:`.
[[nodiscard]] vocabulary::Machine read_machine(Source& source, const Values& map,
                                               const std::filesystem::path& directory,
                                               std::vector<NamedFile>& named_files);
[[nodiscard]] RoutingFile read_routing_file(Source& source, const YamlNode& tree,
                                            const std::filesystem::path& directory);
[[nodiscard]] TaggingFile read_tagging_file(Source& source, const YamlNode& tree);
[[nodiscard]] LimitsFile read_limits_file(Source& source, const YamlNode& tree);
[[nodiscard]] PermissionsFile read_permissions_file(Source& source, const YamlNode& tree,
                                                    const std::filesystem::path& directory);
[[nodiscard]] ContentFile read_content_file(Source& source, const YamlNode& tree);
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
/// The https URL under `key`, without "/" at its end, or empty: one that may stand in a file of the system, without a
/// user's name.
[[nodiscard]] std::string read_https(Source& source, const Values& map, const char* key);
/// Fields that carry a message's structure or its way are not changed by rules.
[[nodiscard]] bool is_changeable_header(std::string_view name);
/// What is wrong with a header field that a rule changes, as an error.
void check_changed_header(Source& source, const Place& place, const std::string& name);
/// The name of a rule or listener; said twice in one file is an error.
[[nodiscard]] std::string read_rule_name(Source& source, const Values& rule, std::set<std::string>& taken);
/// Name, condition and script of a rule; a name said twice in one file is an error. `file`: whose actions its script
/// may be allowed.
void read_rule(Source& source, const Values& map, vocabulary::Stage stage, vocabulary::RuleFile file,
               std::set<std::string>& taken, Rule& rule);
/// `then:` as a word, a map or a list of both: in the order in which they stand. Two verdicts are an error.
[[nodiscard]] OrderTemplates read_orders(Source& source, const YamlNode* then, vocabulary::Stage stage,
                                         vocabulary::RuleFile file);
/// on_error: ignore is for rules that decide nothing.
void check_ignore(Source& source, const Values& map, const Rule& rule, const OrderTemplates& then);
/// Names rules that are never reached because an earlier one that `decides` always holds when they do.
template <class Rules, class Decides>
void name_shadowed(Source& source, const Rules& rules, std::string_view what, Decides decides)
{
    if (source.has_errors()) return;  // a condition that was not understood seems to hold always
    ShadowCheck check;
    for (const auto& rule : rules) {
        if (const auto* earlier = check.shadow_of(rule))
            source.warning(rule.place, fmt::format("{} \"{}\" is never reached", what, rule.name),
                           fmt::format("\"{}\" on line {} holds whenever it does", earlier->name, earlier->place.line));
        if (!rule.script && decides(rule)) check.add(rule);
    }
}

}  // namespace postern::policy
