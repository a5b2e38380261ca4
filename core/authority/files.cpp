#include "authority/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace postern::authority {

namespace {

constexpr std::size_t largest = std::size_t{64} << 20;

/// A file descriptor that closes itself.
class File {
public:
    explicit File(int number) : number_(number) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File()
    {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool good() const noexcept { return number_ >= 0; }

private:
    int number_;
};

FaultBuilder system_fault(std::string_view what, const std::filesystem::path& path)
{
    const int error = errno;
    return fault(Retry::never, fmt::format("{}: {}", what, std::strerror(error))).about(path.string());
}

bool write_all(int file, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = ::write(file, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::filesystem::path folder_of(const std::filesystem::path& path)
{
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Result<void> sync_folder(const std::filesystem::path& folder)
{
    const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file.good() || ::fsync(file.number()) != 0) return system_fault("cannot be synced", folder);
    return {};
}

/// A synced temporary file beside `path` with these bytes; its name.
Result<std::string> write_beside(const std::filesystem::path& path, std::string_view bytes, mode_t mode)
{
    std::string name = (folder_of(path) / fmt::format(".{}.XXXXXX", path.filename().string())).string();
    const File file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file.good()) return system_fault("cannot be written", path);
    if (::fchmod(file.number(), mode) == 0 && write_all(file.number(), bytes) && ::fsync(file.number()) == 0)
        return name;
    auto failed = system_fault("cannot be written", path);
    ::unlink(name.c_str());
    return failed;
}

Result<void> put(const std::filesystem::path& path, std::string_view bytes, mode_t mode, unsigned flags)
{
    const auto beside = write_beside(path, bytes, mode);
    if (!beside) return std::unexpected(beside.error());
    if (::renameat2(AT_FDCWD, beside->c_str(), AT_FDCWD, path.c_str(), flags) == 0) return sync_folder(folder_of(path));
    const bool exists = errno == EEXIST;
    auto failed = exists ? fault(Retry::never, "exists already and is not overwritten").about(path.string())
                         : system_fault("cannot be put in place", path);
    ::unlink(beside->c_str());
    return failed;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path)
{
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.good()) return system_fault("cannot be opened", path);
    std::string bytes;
    std::array<char, 65536> buffer;
    while (true) {
        const ssize_t n = ::read(file.number(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_fault("cannot be read", path);
        if (n == 0) return bytes;
        bytes.append(buffer.data(), static_cast<std::size_t>(n));
        if (bytes.size() > largest) return fault(Retry::never, "is larger than 64 MiB").about(path.string());
    }
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode)
{
    return put(path, bytes, mode, 0);
}

Result<void> create_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode)
{
    return put(path, bytes, mode, RENAME_NOREPLACE);
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder)
{
    const auto path = folder / "lock";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return system_fault("cannot be opened", path);
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) return FolderLock(file);
    const bool busy = errno == EWOULDBLOCK;
    auto failed = system_fault("cannot be locked", path);
    ::close(file);
    if (busy) return fault(Retry::later, "another command is at work in this folder; try again").about(folder.string());
    return failed;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept
{
    std::swap(file_, other.file_);
    return *this;
}

FolderLock::~FolderLock()
{
    if (file_ >= 0) ::close(file_);
}

}  // namespace postern::authority
