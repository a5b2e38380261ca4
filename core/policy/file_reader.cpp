#include "policy/file_reader.hpp"

#include "base/text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace postern::policy {

namespace {

/// Kernel clocks tick every few milliseconds: two changes within one tick leave the same times.
constexpr std::int64_t tick = 100'000'000;

FaultBuilder cannot_read(int error)
{
    return fault(Retry::later,
                 fmt::format("cannot be read: {}", std::strerror(error)));  // NOLINT(concurrency-mt-unsafe)
}

FaultBuilder not_regular()
{
    return fault(Retry::later, "is not a regular file");
}

std::int64_t nanoseconds(const struct timespec& time) noexcept
{
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor()
    {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int get() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

/// Where a link leads that leads nowhere, or empty.
std::string dangling_target(int directory, const std::string& name)
{
    std::array<char, 1024> target{};
    const auto length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    return length <= 0 ? std::string{} : printable({target.data(), static_cast<std::size_t>(length)});
}

FaultBuilder explain(int directory, const std::string& name, int error)
{
    if (error == ENOENT || error == ELOOP)
        if (const auto target = dangling_target(directory, name); !target.empty())
            return fault(Retry::later, fmt::format("is a link to \"{}\", which {}", target,
                                                   error == ELOOP ? "leads back to it" : "is not there"));
    if (error == ENXIO) return not_regular();  // a socket, or a device without a driver
    return cannot_read(error);
}

/// All that can be read, at most `most` bytes.
Result<std::string> read_all(int descriptor, std::size_t most)
{
    std::string bytes(most, '\0');
    std::size_t used = 0;
    while (used < most) {
        const auto got = ::read(descriptor, bytes.data() + used, most - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot_read(errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    bytes.resize(used);
    return bytes;
}

/// What lies in `below` by the names of all files.
std::vector<Directory::Item> items_of(const FileSet& files, const std::string& below)
{
    const std::string prefix = below.empty() ? below : below + "/";
    std::vector<Directory::Item> items;
    for (auto at = files.lower_bound(prefix); at != files.end() && at->first.starts_with(prefix); ++at) {
        const auto rest = std::string_view(at->first).substr(prefix.size());
        const auto slash = rest.find('/');
        const std::string name(rest.substr(0, slash));
        if (items.empty() || items.back().name != name) items.push_back({name, slash != rest.npos});
    }
    std::ranges::sort(items, {}, &Directory::Item::name);
    return items;
}

/// A file of a set never changes: its size is enough.
FileIdentity identity_of(const std::string& bytes) noexcept
{
    return {0, 0, static_cast<std::int64_t>(bytes.size()), 0, 0};
}

FaultBuilder too_large(std::size_t size, std::size_t largest)
{
    return fault(Retry::later, fmt::format("has {} bytes; a policy file has at most {}", size, largest));
}

}  // namespace

FileIdentity FileIdentity::of(const struct stat& status) noexcept
{
    return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

Result<Directory> Directory::open(const std::string& path)
{
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return cannot_read(errno);
    return Directory(descriptor);
}

Directory::~Directory()
{
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::vector<Directory::Item>> Directory::list(const std::string& below) const
{
    if (files_) return items_of(*files_, below);
    const int descriptor =
        ::openat(descriptor_, below.empty() ? "." : below.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return explain(descriptor_, below, errno);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(descriptor), ::closedir);
    if (!stream) {
        const int error = errno;
        ::close(descriptor);
        return cannot_read(error);
    }
    std::vector<Item> items;
    errno = 0;
    while (const auto* entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        bool directory = entry->d_type == DT_DIR;
        struct stat status {};
        if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK)
            directory = ::fstatat(descriptor, name.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode);
        items.push_back({name, directory});
        errno = 0;
    }
    if (errno != 0) return cannot_read(errno);
    std::ranges::sort(items, {}, &Item::name);
    return items;
}

Result<FileIdentity> Directory::identify(const std::string& name) const
{
    if (files_) {
        const auto file = files_->find(name);
        if (file == files_->end()) return cannot_read(ENOENT);
        return identity_of(file->second);
    }
    struct stat status {};
    if (::fstatat(descriptor_, name.c_str(), &status, 0) != 0) return explain(descriptor_, name, errno);
    if (!S_ISREG(status.st_mode)) return not_regular();
    return FileIdentity::of(status);
}

Result<Directory::Content> Directory::read(const std::string& name, std::size_t largest) const
{
    if (files_) {
        const auto file = files_->find(name);
        if (file == files_->end()) return cannot_read(ENOENT);
        if (file->second.size() > largest) return too_large(file->second.size(), largest);
        return Content{file->second, identity_of(file->second), false};
    }
    const Descriptor file(::openat(descriptor_, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) return explain(descriptor_, name, errno);
    struct stat before {
    }, after{};
    if (::fstat(file.get(), &before) != 0) return cannot_read(errno);
    if (!S_ISREG(before.st_mode)) return not_regular();
    const auto size = static_cast<std::size_t>(before.st_size);
    if (size > largest) return too_large(size, largest);
    auto bytes = read_all(file.get(), size + 1);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    if (::fstat(file.get(), &after) != 0) return cannot_read(errno);
    Content content{std::move(*bytes), FileIdentity::of(after), false};
    if (content.identity != FileIdentity::of(before) || content.bytes.size() != size)
        return fault(Retry::later, "is being written; it is read once it rests");
    struct timespec now {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    content.fresh = nanoseconds(now) - std::max(content.identity.modified, content.identity.changed) < tick;
    return content;
}

}  // namespace postern::policy
