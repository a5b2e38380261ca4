// What is wrong with an entry by itself, whoever brings it: an import, an edit, many at once.
//
// Pure; any thread.
#pragma once

#include "vocabulary/directory_entry.hpp"

#include <string>
#include <vector>

namespace postern::directory {

/// One sentence for each fault, without the address in front.
[[nodiscard]] std::vector<std::string> mistakes_of(const vocabulary::DirectoryEntry& entry);

/// Text that a spreadsheet would run as a formula: it begins with = + - @ or a control, and is no telephone number.
[[nodiscard]] bool is_formula(std::string_view text) noexcept;

}  // namespace postern::directory
