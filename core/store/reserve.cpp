#include "store/reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <limits>
#include <system_error>

namespace postern::store {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t full = std::uint64_t{1} << 20;  // bytes free: the databases' shared memory and logs need some

bool allocate(const fs::path& file, std::uint64_t size)
{
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (descriptor < 0) return false;
    const bool done = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size)) == 0;
    ::close(descriptor);
    return done;
}

}  // namespace

Reserve::Reserve(const fs::path& storage) : storage_(storage), file_(storage / "reserve") {}

void Reserve::give_where_full()
{
    std::error_code ignored;
    if (free() < full) fs::remove(file_, ignored);
}

void Reserve::lay_aside()
{
    std::error_code failed;
    if (fs::file_size(file_, failed) == size && !failed) {
        laid_aside_ = true;
        return;
    }
    if (free() < size + least_for_mail) return;
    laid_aside_ = allocate(file_, size);
    if (!laid_aside_) fs::remove(file_, failed);
}

bool Reserve::has_room_for_mail() const noexcept
{
    return free() >= least_for_mail;
}

std::uint64_t Reserve::free() const noexcept
{
    struct statvfs facts {};
    if (::statvfs(storage_.c_str(), &facts) != 0 || facts.f_blocks == 0)
        return std::numeric_limits<std::uint64_t>::max();
    return std::uint64_t{facts.f_bavail} * facts.f_frsize;
}

}  // namespace postern::store
