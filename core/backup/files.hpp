// What making and restoring share about files: whose they are, and whether there is room.
#pragma once

#include "base/fault.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace postern::backup {

/// "user:group" of a file, by name; empty where they have none.
[[nodiscard]] std::string owner_of(unsigned user, unsigned group);
/// Gives a file to them where this process is root and they exist here; otherwise to the owner of `folder`.
void give_to(const std::filesystem::path& file, const std::string& owner, const std::filesystem::path& folder);
/// The same owner as another file.
void give_like(const std::filesystem::path& file, const std::filesystem::path& like);

/// fsync; what can't be opened is passed over.
void sync_file(const std::filesystem::path& path);
void sync_folder(const std::filesystem::path& path);
/// All files and folders below it, and itself; links are not followed, and `but` is passed over. Throws
/// filesystem_error.
void sync_tree(const std::filesystem::path& folder, const std::filesystem::path& but = {});

/// What stays free for mail, whatever else is put on its disk, bytes.
inline constexpr std::uint64_t disk_reserve = std::uint64_t{128} << 20;
/// Fault (later): fewer than `bytes` are free where `folder` lies.
[[nodiscard]] Result<void> has_room(const std::filesystem::path& folder, std::uint64_t bytes);

}  // namespace postern::backup
