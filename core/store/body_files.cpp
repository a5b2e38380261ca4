#include "store/body_files.hpp"

#include "base/ids.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace postern::store {

namespace {

class Descriptor {
public:
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor()
    {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool valid() const noexcept { return number_ >= 0; }

private:
    int number_;
};

Fault trouble(std::string_view operation, const std::filesystem::path& path)
{
    const int error = errno;
    auto made = fault(Retry::later, fmt::format("{}: {}", operation, std::generic_category().message(error)))
                    .about(path.string());
    if (error != ENOSPC && error != EDQUOT && error != EFBIG) return made;
    return std::move(made).tell_peer(52, {3, 1}, "There is no room to keep the message; please try again later");
}

bool write_all(int descriptor, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool sync_folder(const std::filesystem::path& folder)
{
    const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return opened.valid() && ::fsync(opened.number()) == 0;
}

/// The folder of one body, made and made durable if it is the first of its name.
Result<void> ensure_folder(const std::filesystem::path& folder)
{
    if (::mkdir(folder.c_str(), S_IRWXU) == 0) {
        if (!sync_folder(folder.parent_path())) return std::unexpected(trouble("sync", folder.parent_path()));
        return {};
    }
    if (errno != EEXIST) return std::unexpected(trouble("make folder", folder));
    return {};
}

Result<void> write_synced(const std::filesystem::path& path, std::string_view bytes)
{
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.valid()) return std::unexpected(trouble("create", path));
    if (!write_all(file.number(), bytes)) return std::unexpected(trouble("write", path));
    if (::fdatasync(file.number()) != 0) return std::unexpected(trouble("sync", path));
    return {};
}

}  // namespace

std::filesystem::path BodyFiles::path_of(std::string_view id) const
{
    constexpr std::size_t tail = 10;  // behind the id's time
    return folder_ / id.substr(tail, 2) / id;
}

Result<void> BodyFiles::write(std::string_view id, std::string_view bytes) const
{
    const std::filesystem::path path = path_of(id);
    const std::filesystem::path folder = path.parent_path();
    const std::filesystem::path unfinished = folder / fmt::format(".{}.new", id);
    if (auto made = ensure_folder(folder); !made) return made;
    if (auto written = write_synced(unfinished, bytes); !written) {
        ::unlink(unfinished.c_str());
        return written;
    }
    if (::rename(unfinished.c_str(), path.c_str()) != 0) {
        const Fault failed = trouble("rename", unfinished);
        ::unlink(unfinished.c_str());
        return std::unexpected(failed);
    }
    if (!sync_folder(folder)) {
        const Fault failed = trouble("sync", folder);
        remove(id);
        return std::unexpected(failed);
    }
    return {};
}

Result<std::string> BodyFiles::read(std::string_view id) const
{
    const std::filesystem::path path = path_of(id);
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (!file.valid() || ::fstat(file.number(), &about) != 0) return std::unexpected(trouble("open", path));
    std::string bytes(static_cast<std::size_t>(about.st_size), '\0');
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::read(file.number(), bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(trouble("read", path));
        if (got == 0) return fault(Retry::later, "is shorter than it was").about(path.string());
        have += static_cast<std::size_t>(got);
    }
    return bytes;
}

void BodyFiles::remove(std::string_view id) const noexcept
{
    ::unlink(path_of(id).c_str());
}

Result<std::size_t> BodyFiles::sweep(const std::function<bool(std::string_view)>& is_wanted) const
{
    std::size_t removed = 0;
    std::error_code error;
    for (auto entry = std::filesystem::recursive_directory_iterator(folder_, error);
         !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
        if (!entry->is_regular_file(error)) continue;
        const std::string name = entry->path().filename().string();
        if (is_message_id(name) && is_wanted(name)) continue;
        if (std::filesystem::remove(entry->path(), error)) ++removed;
    }
    if (error) return fault(Retry::later, "cannot be read: " + error.message()).about(folder_.string());
    return removed;
}

}  // namespace postern::store
