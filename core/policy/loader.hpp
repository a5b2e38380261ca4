// From a directory of YAML to a snapshot. `postern check` and the running engine both call this and nothing else.
//
// Blocking (file reads, parsing); call it off the I/O threads. One thread at a time.
#pragma once

#include "policy/diagnostic.hpp"
#include "policy/snapshot.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace postern::policy {

struct Loaded {
    SnapshotPtr snapshot;        ///< null when `diagnostics` holds an error
    Diagnostics diagnostics;     ///< errors, or warnings only
    std::size_t files = 0;       ///< files that make up the policy
    std::size_t files_read = 0;  ///< of these, read and parsed now: the others had not changed
};

class Loader {
public:
    explicit Loader(std::filesystem::path directory);
    ~Loader();

    /// Reads what changed since the last call (by device, inode, size, modification and change time), checks all of it,
    /// compiles. The directory may be a symbolic link; it is resolved once per call, so that a swap is atomic.
    [[nodiscard]] Loaded load(std::uint64_t generation);

private:
    struct Cache;
    std::filesystem::path directory_;
    std::unique_ptr<Cache> cache_;
};

}  // namespace postern::policy
