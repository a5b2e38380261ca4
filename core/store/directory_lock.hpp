// The lock of a storage directory: one engine at a time, and nobody restores under a running one.
#pragma once

#include "base/fault.hpp"

#include <filesystem>
#include <utility>

namespace postern::store {

/// Released by the kernel however the process ends.
class DirectoryLock {
public:
    /// Fault (later): an engine uses the directory, or its lock file can't be opened.
    [[nodiscard]] static Result<DirectoryLock> take(const std::filesystem::path& directory);
    DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    DirectoryLock& operator=(DirectoryLock&&) = delete;
    ~DirectoryLock();

private:
    explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

}  // namespace postern::store
