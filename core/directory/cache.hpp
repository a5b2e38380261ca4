// Answers of the directory in memory: bounded, shared by all threads, forgotten as one when an import is applied.
//
// A value that was read under an older version is not taken in, so a look-up that ran beside an import cannot bring
// back what the import replaced.
#pragma once

#include "base/text.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::directory {

/// Keeps about the `capacity` keys that were asked for last. Each shard has two halves; when the young one is full
/// it becomes the old one and what nobody asked for since goes, so that no list needs care on every look-up.
template <class Value>
class Cache {
public:
    explicit Cache(std::size_t capacity) : half_(capacity / (2 * shard_count) + 1) {}

    /// For put(): taken before the database is read.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

    [[nodiscard]] std::optional<Value> find(std::string_view key)
    {
        const std::size_t hash = TextHash{}(key);
        Shard& shard = shard_of(hash);
        const std::lock_guard lock(shard.mutex);
        if (const auto young = shard.young.find(key); young != shard.young.end()) return young->second;
        const auto old = shard.old.find(key);
        if (old == shard.old.end()) return std::nullopt;
        Value value = old->second;
        keep(shard, shard.old.extract(old));
        return value;
    }

    /// Nothing happens if `version` is no longer the one in force.
    void put(std::string_view key, Value value, std::uint64_t version)
    {
        Shard& shard = shard_of(TextHash{}(key));
        const std::lock_guard lock(shard.mutex);
        if (version != version_.load(std::memory_order_acquire)) return;
        if (const auto known = shard.young.find(key); known != shard.young.end()) {
            known->second = std::move(value);
            return;
        }
        if (const auto known = shard.old.find(key); known != shard.old.end()) shard.old.erase(known);
        make_room(shard);
        shard.young.emplace(key, std::move(value));
    }

    /// Forgets everything, and what is being read now.
    void invalidate()
    {
        version_.fetch_add(1, std::memory_order_acq_rel);
        for (Shard& shard : shards_) {
            Map young, old;  // freed outside the lock
            const std::lock_guard lock(shard.mutex);
            young.swap(shard.young);
            old.swap(shard.old);
        }
    }

    [[nodiscard]] std::size_t size()
    {
        std::size_t total = 0;
        for (Shard& shard : shards_) {
            const std::lock_guard lock(shard.mutex);
            total += shard.young.size() + shard.old.size();
        }
        return total;
    }

private:
    static constexpr std::size_t shard_count = 64;
    using Map = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;
    struct alignas(64) Shard {
        std::mutex mutex;
        Map young;
        Map old;
    };

    // The map uses the hash's low bits (modulo a prime); the shard its high ones.
    [[nodiscard]] Shard& shard_of(std::size_t hash) noexcept { return shards_[(hash >> 48) % shard_count]; }

    void make_room(Shard& shard)
    {
        if (shard.young.size() < half_) return;
        shard.old = std::move(shard.young);
        shard.young = Map();
    }

    void keep(Shard& shard, typename Map::node_type node)
    {
        make_room(shard);
        shard.young.insert(std::move(node));
    }

    const std::size_t half_;
    std::atomic<std::uint64_t> version_{1};
    std::array<Shard, shard_count> shards_;
};

}  // namespace postern::directory
