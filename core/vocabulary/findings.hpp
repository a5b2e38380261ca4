// The one table of what keeps a message from being looked into to the end, and what findings may mean.
//
// Immutable; all threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::vocabulary {

/// What keeps the scanner from looking into a message to the end.
enum class Obstacle : std::uint8_t { encrypted, broken, macros, depth, files, size, time };

/// What findings mean where no rule says, the mildest first. tag: it goes on, and its subject says so.
enum class FindingVerdict : std::uint8_t { accept, tag, defer, quarantine, reject };

struct ObstacleInfo {
    std::string_view name;  ///< in YAML, Lua and the ledger
    std::string_view description;
    std::string_view told;   ///< to the sender, behind "This message can't be checked for viruses: "
    FindingVerdict meaning;  ///< where content.yaml says nothing
};

constexpr std::size_t obstacle_count = 7;
/// The names alone, in the order of Obstacle.
inline constexpr std::array<std::string_view, obstacle_count> obstacle_names{"encrypted", "broken", "macros", "depth",
                                                                             "files",     "size",   "time"};
/// In the order of Obstacle.
[[nodiscard]] const std::array<ObstacleInfo, obstacle_count>& obstacles() noexcept;
[[nodiscard]] const ObstacleInfo& info(Obstacle obstacle) noexcept;
[[nodiscard]] std::optional<Obstacle> find_obstacle(std::string_view name) noexcept;

/// "accept", "tag", "defer", "quarantine", "reject".
[[nodiscard]] std::string_view name_of(FindingVerdict verdict) noexcept;
[[nodiscard]] std::optional<FindingVerdict> find_finding_verdict(std::string_view name) noexcept;

}  // namespace postern::vocabulary
