// What changes from one policy to another, in administrators' words: organisations, rules, keys, scripts.
//
// Pure; any thread. Files are compared as YAML, so that comments, order of keys and white space do not count; a file
// that is no YAML is compared by its lines.
#pragma once

#include "policy/files.hpp"

#include <boost/json/array.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

struct Change {
    enum class Kind { added, removed, changed, moved } kind = Kind::changed;
    std::string what;    ///< "organisation greenstone", "rule no-programs", "node.yaml", "script marking.lua"
    std::string key;     ///< "limits.message_size"; empty: the whole
    std::string before;  ///< as written, cut
    std::string after;
    std::string place_before;  ///< "content.yaml:5"; empty where it was not there
    std::string place_after;
};

/// In order of file; within a file in the order of the new one.
[[nodiscard]] std::vector<Change> difference(const FileSet& before, const FileSet& after);

[[nodiscard]] std::string difference_text(const std::vector<Change>& changes);
[[nodiscard]] boost::json::array difference_json(const std::vector<Change>& changes);

}  // namespace postern::policy
