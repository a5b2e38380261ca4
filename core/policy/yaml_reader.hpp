// From bytes to a tree with places. The only user of yaml-cpp; safe on any bytes.
//
// Policies are written in plain YAML: anchors, aliases, tags, merge keys, tabs, several documents, a key said
// twice and nesting deeper than 32 are refused, each at its place. Pure; any thread.
#pragma once

#include "policy/document.hpp"
#include "policy/source.hpp"

#include <cstddef>
#include <optional>

namespace postern::policy {

/// Largest policy file that is read at all, bytes.
constexpr std::size_t largest_file = 1024 * 1024;
constexpr std::size_t deepest_nesting = 32;

/// The document in `source`, or nothing after an error that left no tree. Errors are added to the source; a tree
/// may come back together with errors, so that its other mistakes can be named too.
[[nodiscard]] std::optional<YamlNode> read_yaml(Source& source, std::size_t largest = largest_file);

}  // namespace postern::policy
