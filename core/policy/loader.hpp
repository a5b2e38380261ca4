// From a directory of YAML to a snapshot. `postern check` and the running engine both call this and nothing else.
//
// Blocking (file reads, parsing); call it off the I/O threads. One thread at a time.
#pragma once

#include "policy/diagnostic.hpp"
#include "policy/files.hpp"
#include "policy/snapshot.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

struct Loaded {
    SnapshotPtr snapshot;        ///< null when `diagnostics` holds an error
    Diagnostics diagnostics;     ///< errors, or warnings only
    std::size_t files = 0;       ///< files that make up the policy
    std::size_t files_read = 0;  ///< of these, read and parsed now: the others had not changed
    std::string hash;            ///< of all files, as Snapshot::hash(); empty when the directory could not be read
};

/// One file as it was read.
struct LoadedFile {
    std::string_view name;
    std::string_view bytes;
    std::string_view digest;  ///< SHA-256, 32 bytes
};

class Directory;

class Loader {
public:
    /// What number a policy of this hash gets.
    using Numbering = std::function<std::uint64_t(const std::string& hash)>;

    /// `scripts` compiles the policy's Lua and must outlive the loader; null: a policy whose rules name scripts is an
    /// error.
    explicit Loader(std::filesystem::path directory, const ports::ScriptMaker* scripts = nullptr);
    /// The same for files that do not lie in the directory (yet, or any more): as if they lay there, so that relative
    /// paths in them lead where they will.
    Loader(std::filesystem::path directory, std::shared_ptr<const FileSet> files,
           const ports::ScriptMaker* scripts = nullptr);
    ~Loader();

    /// Reads what changed since the last call (by device, inode, size, modification and change time), checks all of it,
    /// compiles. The directory may be a symbolic link; it is resolved once per call, so that a swap is atomic. Files
    /// that change meanwhile are an error.
    [[nodiscard]] Loaded load(std::uint64_t generation);
    [[nodiscard]] Loaded load(const Numbering& number);
    /// Reads what changed and gives the hash, without compiling; empty where the directory can't be read. What is wrong
    /// with files and names, each for itself, goes to `wrong`.
    [[nodiscard]] std::string look(Diagnostics* wrong = nullptr);
    /// The files that the last load() or look() read, in order of name; views hold until the next.
    [[nodiscard]] std::vector<LoadedFile> files() const;
    /// The same as values.
    [[nodiscard]] FileSet file_set() const;

private:
    struct Cache;
    [[nodiscard]] Result<Directory> open();
    [[nodiscard]] Loaded load_from(const Directory& opened, const Numbering& number);

    std::filesystem::path directory_;
    std::shared_ptr<const FileSet> given_;
    const ports::ScriptMaker* scripts_ = nullptr;
    std::unique_ptr<Cache> cache_;
};

}  // namespace postern::policy
