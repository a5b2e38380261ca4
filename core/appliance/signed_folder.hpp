// A configuration disk after the first start: it counts only if a declared administrator signed it and its serial
// rises.
//
// In its folder lies `manifest`: "serial: N" on the first line, then a line for each file as sha256sum prints it; and
// `manifest.sig`, which `ssh-keygen -Y sign -n postern-configuration` made of it. With the policy the manifest comes
// into force, and so does its serial: nothing else has to be remembered, and nothing can be half remembered. A second
// place, which the gateway's own user can't write, keeps the highest that was ever seen; and who the administrators
// were, so that their disk rescues a machine whose policy can't be read any more. Blocking.
#pragma once

#include "base/fault.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace postern::appliance {

inline constexpr std::string_view signature_namespace = "postern-configuration";
inline constexpr std::string_view manifest_name = "manifest";
inline constexpr std::string_view signature_name = "manifest.sig";

struct SignedFolder {
    std::uint64_t serial = 0;
    std::string signer;  ///< the administrator's key as node.yaml names it
};

/// Whether the folder is signed by one of these keys, whole, and newer than `last`. Fault (never) says why not.
[[nodiscard]] Result<SignedFolder> verify_folder(const std::filesystem::path& folder,
                                                 const std::vector<std::string>& keys, std::uint64_t last);
/// The serial of a folder's manifest; 0 where there is none.
[[nodiscard]] std::uint64_t serial_in(const std::filesystem::path& folder);

/// The manifest of what lies in the folder. Fault (never): a link or a special file lies there.
[[nodiscard]] Result<std::string> make_manifest(const std::filesystem::path& folder, std::uint64_t serial);

/// The highest serial that a file remembers; 0 where it is not there. keep: makes it at least that.
[[nodiscard]] std::uint64_t remembered_serial(const std::filesystem::path& file);
void keep_serial(const std::filesystem::path& file, std::uint64_t serial);

/// Keys of the administrators that were declared last, as node.yaml names them; none where the file is not there. keep:
/// makes it these.
[[nodiscard]] std::vector<std::string> remembered_administrators(const std::filesystem::path& file);
void keep_administrators(const std::filesystem::path& file, const std::vector<std::string>& keys);

}  // namespace postern::appliance
