// The signature folder as posternd sees it from outside: whether it has changed, and whether a new set fits in memory.
//
// Reads names and dates only; short system calls, any thread. An unreadable folder has an empty print.
#pragma once

#include <cstdint>
#include <string>

namespace postern::scan {

/// Changes whenever a signature file is added, removed or rewritten.
[[nodiscard]] std::string folder_print(const std::string& folder);

/// Bytes that the machine can still give, and bytes that a process has now; 0 where unknown.
[[nodiscard]] std::uint64_t available_memory();
[[nodiscard]] std::uint64_t resident_memory(std::int64_t process);

}  // namespace postern::scan
