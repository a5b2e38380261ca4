// The directory that an administrator keeps the policy in, when the engine writes to it: after an apply, a rollback, or
// a trial that was confirmed.
//
// Blocking; the reloading thread's, and before it main()'s. All files change together or none does, also if the machine
// stops in the middle: new files are staged in a folder beside the old, which a mark declares whole; from then on
// recover() finishes what a crash interrupted. Only files of the policy (is_policy_file) are written or removed, and of
// these only the ones that differ: keys, certificates, the spool and a version control's folder stay what they are.
// Where the directory is a symbolic link, a copy of the folder it leads to is made instead and the link swapped.
#pragma once

#include "policy/files.hpp"
#include "policy/loader.hpp"

#include "base/fault.hpp"

#include <filesystem>

namespace postern::gateway {

class PolicyFolder {
public:
    explicit PolicyFolder(std::filesystem::path directory);

    /// Finishes a change that a crash interrupted, or takes back what was not whole yet. To be called before the
    /// policy is read; true: there was something to finish. Fault (later): the folder can't be written.
    [[nodiscard]] static Result<bool> recover(const std::filesystem::path& directory);
    /// Whether put() could write. Fault (never) says who may not write where, and what to do; or that `storage` lies in
    /// a folder whose copy a link would be swapped to.
    [[nodiscard]] Result<void> writable(const std::string& storage) const;
    /// Makes the directory's policy these files; `lying` is what lies there now. Fault (later): nothing has changed.
    [[nodiscard]] Result<void> put(const policy::FileSet& files, const std::vector<policy::LoadedFile>& lying);

private:
    [[nodiscard]] Result<void> swap_link(const policy::FileSet& files);

    std::filesystem::path directory_;
};

}  // namespace postern::gateway
