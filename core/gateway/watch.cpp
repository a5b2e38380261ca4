#include "gateway/watch.hpp"

#include "policy/files.hpp"

#include <sys/inotify.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <string_view>

namespace postern::gateway {

namespace {

constexpr std::uint32_t what =
    IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB;

// Editors' files and the like say nothing about the policy.
bool is_noise(std::string_view name)
{
    return name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") || name.starts_with("#");
}

/// Where files of the policy lie. Other folders in the directory (certificates, a spool, version control) are none.
std::vector<std::filesystem::path> folders_below(const std::filesystem::path& directory)
{
    std::vector<std::filesystem::path> folders{directory / "organisations"};
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
        if (!policy::is_kept_folder(entry.path().filename().string()) || !entry.is_directory(failed)) continue;
        folders.push_back(entry.path());
        auto below = std::filesystem::recursive_directory_iterator(entry.path(), failed);
        for (; !failed && below != std::filesystem::recursive_directory_iterator(); below.increment(failed))
            if (below->is_directory(failed)) folders.push_back(below->path());
    }
    return folders;
}

}  // namespace

PolicyWatch::PolicyWatch(std::filesystem::path directory)
    : directory_(std::filesystem::absolute(std::move(directory)).lexically_normal()),
      descriptor_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
{
    if (!directory_.has_filename()) directory_ = directory_.parent_path();
    renew();
}

PolicyWatch::~PolicyWatch()
{
    if (descriptor_ >= 0) close(descriptor_);
}

void PolicyWatch::renew()
{
    if (descriptor_ < 0) return;
    for (const int watch : watched_) inotify_rm_watch(descriptor_, watch);
    watched_.clear();
    const auto add = [this](const std::filesystem::path& folder, std::uint32_t mask) {
        if (const int watch = inotify_add_watch(descriptor_, folder.c_str(), mask); watch >= 0)
            watched_.push_back(watch);
    };
    add(directory_.parent_path(), IN_MOVED_TO | IN_CREATE);
    add(directory_, what);
    for (const auto& folder : folders_below(directory_)) add(folder, what);
    (void)changed();  // what the renewal itself caused
}

bool PolicyWatch::changed()
{
    alignas(inotify_event) std::array<char, 16384> buffer;
    bool seen = false;
    for (;;) {
        const auto got = read(descriptor_, buffer.data(), buffer.size());
        if (got <= 0) return seen;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            inotify_event event{};
            std::copy_n(buffer.data() + at, sizeof event, reinterpret_cast<char*>(&event));
            const std::string_view name =
                event.len ? std::string_view(buffer.data() + at + sizeof event) : std::string_view{};
            at += sizeof event + event.len;
            if (event.mask & IN_Q_OVERFLOW) seen = true;
            if (event.mask & (IN_IGNORED | IN_Q_OVERFLOW) || is_noise(name)) continue;
            // Of the folder that holds the policy only the policy's own name counts.
            const bool outer = !watched_.empty() && event.wd == watched_.front();
            seen = seen || !outer || name == directory_.filename().string();
        }
    }
}

}  // namespace postern::gateway
