// Files that are written whole or not at all, and the lock of a folder. Blocking; no shared state.
#pragma once

#include "base/fault.hpp"

#include <sys/types.h>
#include <filesystem>
#include <string>
#include <string_view>

namespace postern::authority {

/// The whole file, at most 64 MiB. Fault never: cannot be opened or read; the object is the path.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);

/// Writes beside the target, syncs, renames, syncs the folder: readers see the old or the new bytes.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);
/// The same for a file that must not exist yet. Fault never: it exists.
[[nodiscard]] Result<void> create_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

/// An exclusive lock that ends with the object or the process.
class FolderLock {
public:
    /// Takes FOLDER/lock at once. Fault later: another process has it.
    [[nodiscard]] static Result<FolderLock> take(const std::filesystem::path& folder);
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&& other) noexcept;
    ~FolderLock();

private:
    explicit FolderLock(int file) : file_(file) {}
    int file_;
};

}  // namespace postern::authority
