// A folder of backups: which there are, which may go, and when the next one is due.
//
// Blocking where it touches the folder; pure otherwise.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace postern::backup {

struct Shelved {
    std::string name;
    Instant made{};
};
/// When a backup of that name was made; nothing: it is no name of one of this gateway's.
[[nodiscard]] std::optional<Instant> made_at(std::string_view name, const std::string& gateway);
/// Those of this gateway, oldest first. Fault (later): the folder can't be read.
[[nodiscard]] Result<std::vector<Shelved>> shelved(const std::filesystem::path& folder, const std::string& gateway);
/// Removes the oldest until `keep` are left.
void keep_newest(const std::filesystem::path& folder, const std::string& gateway, std::size_t keep);

/// The last of the times of day at or before `now`, and the first behind it. `at`: in UTC, in order, not empty.
[[nodiscard]] Instant last_due(const std::vector<std::chrono::minutes>& at, Instant now);
[[nodiscard]] Instant next_due(const std::vector<std::chrono::minutes>& at, Instant now);

}  // namespace postern::backup
