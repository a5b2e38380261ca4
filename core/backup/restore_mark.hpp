// What stands between the two steps of a restore: what was laid ready, and the mark that says it is to take its place.
// Private to the room.
//
// Blocking; throws std::filesystem::filesystem_error.
#pragma once

#include "base/fault.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace postern::backup {

inline constexpr std::string_view mark_name = ".postern-restore";
/// In a folder that was set aside: all of it is there.
inline constexpr std::string_view whole_name = ".whole";

/// The mark, as it stands in the policy's directory.
struct RestoreMark {
    std::filesystem::path storage;     ///< absolute
    std::string aside;                 ///< folder below it
    std::vector<std::string> outside;  ///< files that lay elsewhere
};

/// Fault (never): what stands there says nothing.
[[nodiscard]] Result<RestoreMark> read_mark(const std::filesystem::path& policy);
/// On the disk when it returns. Fault (later): it can't be written.
[[nodiscard]] Result<void> write_mark(const std::filesystem::path& policy, const RestoreMark& mark);

/// Where what is read is laid ready: below it `storage` and `policy`.
[[nodiscard]] inline std::filesystem::path staging(const std::filesystem::path& storage)
{
    return storage / "restore";
}

[[nodiscard]] Fault trouble(const std::filesystem::path& path, std::string_view operation);  ///< with errno
[[nodiscard]] Fault trouble(const std::filesystem::filesystem_error& error);

}  // namespace postern::backup
