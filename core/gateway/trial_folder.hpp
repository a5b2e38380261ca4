// A policy on trial, laid out for the appliance's own programs, which make the machine what it says: the directory
// keeps what was before until the trial is confirmed.
//
// Below the storage, as `trial`: there as a whole, or not at all. The reloading thread's; blocking. Only where the
// policy declares a machine.
#pragma once

#include "base/fault.hpp"
#include "policy/files.hpp"

#include <filesystem>

namespace postern::gateway {

class TrialFolder {
public:
    [[nodiscard]] static std::filesystem::path in(const std::filesystem::path& storage) { return storage / "trial"; }

    /// Fault (later): it can't be written.
    [[nodiscard]] static Result<void> put(const std::filesystem::path& storage, const policy::FileSet& files);
    /// The trial is over, or was never; nothing happens where there is none.
    static void clear(const std::filesystem::path& storage) noexcept;
};

}  // namespace postern::gateway
