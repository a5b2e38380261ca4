// How often something happened lately: counters for `rates:` in limits.yaml and for scripts.
//
// Thread-safe, in memory, bounded; made by main() and outliving every generation, so that a reload forgets nothing. A
// counter leaks: "200 per hour" allows 200 at once and then one every 18 seconds.
#pragma once

#include "base/clock.hpp"
#include "vocabulary/units.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::ports {

class Rates {
public:
    /// `most`: counters kept at one time, at least 16; beyond that the emptiest are forgotten first.
    explicit Rates(const Clock& clock, std::size_t most = 200'000);

    /// Whether `count` more are within the rate; if so they are counted. `counter` and `key` name the counter.
    [[nodiscard]] bool take(std::string_view counter, std::string_view key, const vocabulary::Rate& rate,
                            std::uint64_t count = 1);
    /// The same without counting.
    [[nodiscard]] bool would_take(std::string_view counter, std::string_view key, const vocabulary::Rate& rate,
                                  std::uint64_t count = 1) const;
    /// Gives back what was taken for something that did not happen. Nothing if the counter is forgotten.
    void give_back(std::string_view counter, std::string_view key, std::uint64_t count = 1);
    [[nodiscard]] std::size_t counters() const;

private:
    struct Counter {
        double used = 0;
        Instant at{};  ///< when `used` was so
        vocabulary::Rate rate;

        [[nodiscard]] double left_at(Instant now) const noexcept;
        [[nodiscard]] double fullness(Instant now) const noexcept;
    };
    static constexpr std::size_t shards = 16;
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::string, Counter> counters;
    };
    [[nodiscard]] static std::string key_of(std::string_view counter, std::string_view key);
    [[nodiscard]] Shard& shard_of(const std::string& key);
    [[nodiscard]] const Shard& shard_of(const std::string& key) const;
    void make_room(Shard& shard) const;

    const Clock& clock_;
    std::size_t most_;
    std::vector<Shard> shards_;
};

}  // namespace postern::ports
