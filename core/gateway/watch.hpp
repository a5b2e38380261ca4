// Whether files of the policy have changed: inotify on its folders and on the folder that holds it, so that a swapped
// symbolic link is seen too.
//
// Used by one thread. Cheap while nothing happens; a change only says "look", the loader finds out what it was.
#pragma once

#include <filesystem>
#include <vector>

namespace postern::gateway {

class PolicyWatch {
public:
    /// Watches nothing (and descriptor() is -1) where inotify can't be had; reloads then happen on request only.
    explicit PolicyWatch(std::filesystem::path directory);
    ~PolicyWatch();
    PolicyWatch(const PolicyWatch&) = delete;
    PolicyWatch& operator=(const PolicyWatch&) = delete;

    /// To poll for reading.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Takes what has happened; true if any of it may concern the policy.
    [[nodiscard]] bool changed();
    /// Watches the folders as they are now: after each load, for folders that came or a link that was swapped.
    void renew();

private:
    std::filesystem::path directory_;
    int descriptor_ = -1;
    std::vector<int> watched_;
};

}  // namespace postern::gateway
