// How many deliveries, and how many bytes of their contents, the queue keeps in memory. Thread-safe; the rest
// waits in the store.
#pragma once

#include "queue/courier.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

namespace postern::queue {

class Places {
public:
    /// `freed` is called (any thread) when a place comes back after one was refused.
    Places(std::uint64_t most, std::uint64_t most_bytes, std::function<void()> freed)
        : most_(most), most_bytes_(most_bytes), freed_(std::move(freed))
    {
    }
    /// A place for a delivery with `bytes` of content in memory, or nothing when all are taken.
    [[nodiscard]] std::optional<Place> take(std::uint64_t bytes);
    [[nodiscard]] std::uint64_t free() const noexcept;
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
    /// Remembers that somebody waits for a place, so that freed() is called.
    void want() noexcept { wanted_ = true; }

private:
    friend class Place;
    void give_back(std::uint64_t bytes);

    const std::uint64_t most_, most_bytes_;
    std::function<void()> freed_;
    std::atomic<std::uint64_t> taken_{0}, bytes_{0};
    std::atomic<bool> wanted_{false};
};

}  // namespace postern::queue
