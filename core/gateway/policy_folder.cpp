#include "gateway/policy_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <fstream>
#include <set>
#include <system_error>

namespace postern::gateway {

namespace {

namespace fs = std::filesystem;

// Of these names the loader reads nothing: they begin with a dot.
constexpr const char* staging = ".postern-apply";
constexpr const char* mark = "whole";       ///< in the staging folder: what is staged counts
constexpr const char* removed = "removed";  ///< the names of files to remove, one a line
constexpr const char* files_folder = "files";
constexpr std::size_t most_beside = 20'000;  ///< files that are no policy's, where a link is swapped

/// Ends an operation of this file; put() and recover() turn it into a Fault.
class Failed : public std::runtime_error {
public:
    Failed(const char* operation, const fs::path& path, int error)
        : std::runtime_error(
              fmt::format("{}: {}: {}", path.string(), operation, std::generic_category().message(error)))
    {
    }
};

void sync(const fs::path& path)
{
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw Failed("can't be opened", path, errno);
    const int failed = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    if (failed) throw Failed("can't be written to disk", path, failed);
}

/// As the file at `like` has it, or as new files of this process have it.
void take_after(int descriptor, const fs::path& like)
{
    struct stat facts {};
    if (::stat(like.c_str(), &facts) != 0) return;
    (void)!::fchown(descriptor, facts.st_uid, facts.st_gid);  // as far as this user may
    ::fchmod(descriptor, facts.st_mode & 07777);
}

void write_file(const fs::path& path, std::string_view bytes, const fs::path& like)
{
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0) throw Failed("can't be made", path, errno);
    int failed = 0;
    while (!bytes.empty() && !failed) {
        const auto wrote = ::write(descriptor, bytes.data(), bytes.size());
        if (wrote < 0 && errno != EINTR) failed = errno;
        if (wrote > 0) bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (!like.empty()) take_after(descriptor, like);
    if (!failed && ::fsync(descriptor) != 0) failed = errno;
    ::close(descriptor);
    if (failed) throw Failed("can't be written", path, failed);
}

/// The new files, and the names of those that go; the mark is not there yet.
void stage(const fs::path& directory, const policy::FileSet& changed, const std::vector<std::string>& gone)
{
    const auto folder = directory / staging;
    fs::remove_all(folder);
    fs::create_directories(folder / files_folder);
    for (const auto& [name, bytes] : changed) {
        fs::create_directories((folder / files_folder / name).parent_path());
        write_file(folder / files_folder / name, bytes, directory / name);
    }
    std::string names;
    for (const auto& name : gone) names += name + "\n";
    write_file(folder / removed, names, {});
    sync(folder);
}

/// From the mark on what is staged counts.
void set_mark(const fs::path& directory)
{
    write_file(directory / staging / mark, "", {});
    sync(directory / staging);
    sync(directory);
}

/// Puts what is staged in its place. May be done again after a crash in the middle: what was moved is not staged any
/// more.
void finish(const fs::path& directory)
{
    const auto folder = directory / staging;
    std::set<fs::path> touched{directory};
    for (const auto& entry : fs::recursive_directory_iterator(folder / files_folder)) {
        if (!entry.is_regular_file()) continue;
        const auto target = directory / entry.path().lexically_relative(folder / files_folder);
        fs::create_directories(target.parent_path());
        fs::rename(entry.path(), target);
        touched.insert(target.parent_path());
    }
    std::ifstream names(folder / removed);
    for (std::string name; std::getline(names, name);) {
        fs::remove(directory / name);
        touched.insert((directory / name).parent_path());
    }
    for (const auto& path : touched) sync(path);
    fs::remove(folder / mark);
    fs::remove_all(folder);
}

std::string user_name()
{
    std::array<char, 4096> buffer;
    passwd entry{}, *found = nullptr;
    getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
    return found ? found->pw_name : fmt::format("uid {}", geteuid());
}

Result<void> may_write(const fs::path& folder, const char* why)
{
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return {};
    return fault(Retry::never,
                 fmt::format("the engine (user {}) may not write there{}; give it the folder (chown -R {} {}), or put "
                             "the files there yourself and `postern reload`",
                             user_name(), why, user_name(), folder.string()))
        .about(folder.string());
}

/// Everything that is no policy's: linked, not copied, so that a key is one file under both names.
void link_beside(const fs::path& from, const fs::path& to)
{
    std::size_t count = 0;
    for (auto at = fs::recursive_directory_iterator(from); at != fs::recursive_directory_iterator(); ++at) {
        const auto name = at->path().lexically_relative(from);
        if (++count > most_beside)
            throw std::runtime_error(
                fmt::format("{}: more than {} files beside the policy; is the spool among them? Swap the link yourself",
                            from.string(), most_beside));
        if (name == staging) {
            at.disable_recursion_pending();
        } else if (at->is_symlink()) {
            fs::copy_symlink(at->path(), to / name);
        } else if (at->is_directory()) {
            fs::create_directory(to / name, at->path());
        } else if (at->is_regular_file() && !policy::is_policy_file(name.generic_string())) {
            fs::create_hard_link(at->path(), to / name);
        }
    }
}

Fault not_written(const std::exception& error)
{
    return Fault(Retry::later, fmt::format("the policy's directory could not be written: {}", error.what()));
}

}  // namespace

PolicyFolder::PolicyFolder(std::filesystem::path directory)
    : directory_(fs::absolute(std::move(directory)).lexically_normal())
{
    if (!directory_.has_filename()) directory_ = directory_.parent_path();
}

Result<bool> PolicyFolder::recover(const std::filesystem::path& directory)
try {
    if (!fs::exists(directory / staging)) return false;
    const bool whole = fs::exists(directory / staging / mark);
    if (whole)
        finish(directory);
    else
        fs::remove_all(directory / staging);
    return whole;
} catch (const std::exception& error) {
    return std::unexpected(not_written(error));
}

Result<void> PolicyFolder::writable(const std::string& storage) const
{
    std::error_code ignored;
    if (!fs::is_symlink(directory_, ignored)) {
        for (const auto& folder : {directory_, directory_ / "organisations", directory_ / "lua", directory_ / "tests",
                                   directory_ / "templates"})
            if (folder == directory_ || fs::exists(folder, ignored))
                if (auto may = may_write(folder, ""); !may) return may;
        return {};
    }
    if (auto may = may_write(directory_.parent_path(), ", where the link is"); !may) return may;
    const auto folder = fs::canonical(directory_, ignored);
    if (const auto inside = fs::path(storage).lexically_relative(folder); !inside.empty() && *inside.begin() != "..")
        return fault(
                   Retry::never,
                   "the engine's storage lies in the folder that this link leads to, so the link can't be swapped; put "
                   "the files there yourself and `postern reload`")
            .about(directory_.string());
    return may_write(folder.parent_path(), ", beside the folder that the link leads to");
}

Result<void> PolicyFolder::put(const policy::FileSet& files, const std::vector<policy::LoadedFile>& lying)
try {
    for (const auto& [name, bytes] : files)
        if (!policy::is_policy_file(name)) throw std::invalid_argument(name + " is no file of a policy");
    if (fs::is_symlink(directory_)) return swap_link(files);
    policy::FileSet changed = files;
    std::vector<std::string> gone;
    for (const auto& file : lying) {
        const auto wanted = changed.find(file.name);
        if (wanted == changed.end())
            gone.emplace_back(file.name);
        else if (wanted->second == file.bytes)
            changed.erase(wanted);
    }
    try {
        stage(directory_, changed, gone);
        set_mark(directory_);
    } catch (const std::exception& error) {
        std::error_code ignored;
        fs::remove_all(directory_ / staging, ignored);
        return std::unexpected(not_written(error));
    }
    finish(directory_);
    return {};
} catch (const std::exception& error) {
    return std::unexpected(not_written(error));
}

// The folder that the link led to stays as it was, for whoever wants to look, or to lead the link back.
Result<void> PolicyFolder::swap_link(const policy::FileSet& files)
try {
    const auto old = fs::canonical(directory_);
    const auto base = old.parent_path() / directory_.filename();
    fs::path fresh;
    for (int i = 1; fresh.empty() || fs::exists(fs::symlink_status(fresh)); ++i)
        fresh = fmt::format("{}.{}", base.string(), i);
    const auto half = fs::path(fresh.string() + ".new");
    fs::remove_all(half);
    fs::create_directory(half, old);
    link_beside(old, half);
    for (const auto& [name, bytes] : files) {
        fs::create_directories((half / name).parent_path());
        write_file(half / name, bytes, old / name);
    }
    for (const auto& entry : fs::recursive_directory_iterator(half))
        if (entry.is_directory() && !entry.is_symlink()) sync(entry.path());
    sync(half);
    fs::rename(half, fresh);
    const auto link = fs::path(directory_.string() + ".new");
    fs::remove(link);
    const bool relative = fs::read_symlink(directory_).is_relative();
    fs::create_symlink(relative ? fresh.lexically_relative(fs::canonical(directory_.parent_path())) : fresh, link);
    fs::rename(link, directory_);
    sync(directory_.parent_path());
    return {};
} catch (const std::exception& error) {
    return std::unexpected(not_written(error));
}

}  // namespace postern::gateway
