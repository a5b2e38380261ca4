#include "gateway/trial_folder.hpp"

#include <fstream>

namespace postern::gateway {

namespace fs = std::filesystem;

Result<void> TrialFolder::put(const fs::path& storage, const policy::FileSet& files)
try {
    clear(storage);
    const auto fresh = storage / "trial.new";
    fs::remove_all(fresh);
    fs::create_directories(fresh);
    fs::permissions(fresh, fs::perms::owner_all);
    for (const auto& [name, bytes] : files) {
        fs::create_directories((fresh / name).parent_path());
        std::ofstream file(fresh / name, std::ios::binary);
        file << bytes;
        file.close();
        if (!file) return fault(Retry::later, "can't be written").about((fresh / name).string());
    }
    fs::rename(fresh, in(storage));
    return {};
} catch (const fs::filesystem_error& error) {
    return fault(Retry::later, error.code().message()).about(error.path1().string());
}

void TrialFolder::clear(const fs::path& storage) noexcept
{
    // Away in one step, so that nobody reads half of it.
    std::error_code ignored;
    const auto going = storage / "trial.old";
    fs::remove_all(going, ignored);
    fs::rename(in(storage), going, ignored);
    fs::remove_all(going, ignored);
}

}  // namespace postern::gateway
