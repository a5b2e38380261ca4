// directory.yaml, the file that `postern directory import` reads, as a typed document.
//
// Pure; blocking for read_directory_file. All that is wrong comes back at once, with places.
#pragma once

#include "policy/diagnostic.hpp"
#include "vocabulary/directory_entry.hpp"

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace postern::policy {

/// Bytes: enough for some 200,000 entries.
constexpr std::size_t largest_directory_file = std::size_t{32} << 20;

struct DirectoryFile {
    vocabulary::ImportDocument document;  ///< usable only without errors
    Diagnostics diagnostics;
};

/// `text` is the file's content, `name` what messages call it. Checks form only: keys, kinds of values, addresses.
/// Whether an address belongs to its organisation is for Directory's EntryCheck.
[[nodiscard]] DirectoryFile parse_directory_file(std::string_view text, std::string_view name);
/// The same from disk. A file that cannot be read is a diagnostic too.
[[nodiscard]] DirectoryFile read_directory_file(const std::filesystem::path& file);

}  // namespace postern::policy
