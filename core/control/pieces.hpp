// Files that come and go in pieces over the control protocol: updates and backups.
//
// Blocking; off the I/O threads.
#pragma once

#include "control/http.hpp"

#include <cstdint>
#include <filesystem>

namespace postern::control {

/// Largest piece, bytes.
inline constexpr std::size_t piece_limit = std::size_t{8} << 20;

/// The body of a request at the end of the file, on the disk; `offset` in the query says where it belongs, and 0 begins
/// anew. Answers {"size"}, or what is wrong. `most`: no file is larger, bytes.
[[nodiscard]] Response take_piece(const Request& request, const std::filesystem::path& file, std::uint64_t most,
                                  std::string_view what);
/// The bytes of the file from the query's `offset` on; none at its end.
[[nodiscard]] Response give_piece(const Request& request, const std::filesystem::path& file);

}  // namespace postern::control
