#include "backup/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace postern::backup {

namespace {

void sync_path(const std::filesystem::path& path, int flags)
{
    const int opened = ::open(path.c_str(), flags | O_CLOEXEC);
    if (opened < 0) return;
    ::fsync(opened);
    ::close(opened);
}

}  // namespace

// Looked up seldom, and by one thread at a time.
std::string owner_of(unsigned user, unsigned group)
{
    const auto* known = ::getpwuid(user);
    if (known == nullptr) return {};
    const std::string name = known->pw_name;
    const auto* of = ::getgrgid(group);
    return of != nullptr ? name + ":" + of->gr_name : std::string();
}

void give_to(const std::filesystem::path& file, const std::string& owner, const std::filesystem::path& folder)
{
    if (::geteuid() != 0) return;
    const auto colon = owner.find(':');
    const auto* user = colon == owner.npos ? nullptr : ::getpwnam(owner.substr(0, colon).c_str());
    const auto* group = user == nullptr ? nullptr : ::getgrnam(owner.substr(colon + 1).c_str());
    if (group == nullptr) return give_like(file, folder);
    (void)!::lchown(file.c_str(), user->pw_uid, group->gr_gid);
}

void give_like(const std::filesystem::path& file, const std::filesystem::path& like)
{
    struct stat facts {};
    if (::geteuid() != 0 || ::stat(like.c_str(), &facts) != 0) return;
    (void)!::lchown(file.c_str(), facts.st_uid, facts.st_gid);
}

void sync_file(const std::filesystem::path& path)
{
    sync_path(path, O_RDONLY);
}

void sync_folder(const std::filesystem::path& path)
{
    sync_path(path, O_RDONLY | O_DIRECTORY);
}

void sync_tree(const std::filesystem::path& folder, const std::filesystem::path& but)
{
    namespace fs = std::filesystem;
    for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
        if (entry->is_symlink()) continue;
        if (!but.empty() && entry->path() == but) {
            entry.disable_recursion_pending();
            continue;
        }
        if (entry->is_directory() || entry->is_regular_file()) sync_file(entry->path());
    }
    sync_folder(folder);
}

Result<void> has_room(const std::filesystem::path& folder, std::uint64_t bytes)
{
    struct statvfs facts {};
    if (::statvfs(folder.c_str(), &facts) != 0)
        return fault(Retry::later, "is not there, or can't be written").about(folder.string());
    const auto free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    if (free >= bytes) return {};
    return fault(Retry::later,
                 fmt::format("has {} MiB free, and {} MiB are needed there", free >> 20, (bytes >> 20) + 1))
        .about(folder.string());
}

}  // namespace postern::backup
