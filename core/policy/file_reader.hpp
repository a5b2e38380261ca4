// Files of a policy as bytes, with proof that they were whole: what is being written is not read.
//
// Blocking; any thread.
#pragma once

#include "base/fault.hpp"
#include "policy/files.hpp"

#include <sys/stat.h>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace postern::policy {

/// What tells a changed file from an unchanged one.
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified = 0;  ///< nanoseconds
    std::int64_t changed = 0;   ///< nanoseconds
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;

    [[nodiscard]] static FileIdentity of(const struct stat& status) noexcept;
};

/// A directory that was opened once: what is read through it belongs together even if its name is swapped meanwhile.
/// Or a set of files that stands for one.
class Directory {
public:
    /// The files must outlive the directory; they do not change.
    explicit Directory(const FileSet& files) : files_(&files) {}
    /// Fault (later): not there, no directory, not readable.
    [[nodiscard]] static Result<Directory> open(const std::string& path);
    Directory(Directory&& other) noexcept : descriptor_(other.descriptor_), files_(other.files_)
    {
        other.descriptor_ = -1;
    }
    Directory& operator=(Directory&&) = delete;
    ~Directory();

    struct Item {
        std::string name;
        bool directory = false;
    };
    /// Sorted by name; without "." and "..". `below`: a directory in it, or empty for itself.
    [[nodiscard]] Result<std::vector<Item>> list(const std::string& below) const;
    /// Fault where it is not there, a dangling link, or no regular file.
    [[nodiscard]] Result<FileIdentity> identify(const std::string& name) const;

    struct Content {
        std::string bytes;
        FileIdentity identity;
        bool fresh = false;  ///< changed so recently that a second change could leave the same times
    };
    /// At most `largest` bytes. Fault (later): larger, not readable, or changing while it was read.
    [[nodiscard]] Result<Content> read(const std::string& name, std::size_t largest) const;

private:
    explicit Directory(int descriptor) : descriptor_(descriptor) {}
    int descriptor_ = -1;
    const FileSet* files_ = nullptr;
};

}  // namespace postern::policy
