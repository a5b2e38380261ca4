// Keys that open backups: X25519 pairs whose public halves node.yaml names, and whose secret halves stay with the
// administrators. The gateway itself can't open what it has made.
//
// Values; any thread. A backup has a key of its own for its content (SessionKey), which is sealed for each public half
// (libsodium's crypto_box_seal): whoever restores from afar hands over that one, and never their own.
#pragma once

#include "base/fault.hpp"

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace postern::backup {

/// For the content of one backup.
using SessionKey = std::array<unsigned char, 32>;

[[nodiscard]] SessionKey make_session_key();
/// 64 hexadecimal digits, for an order to restore; nothing where the text is none.
[[nodiscard]] std::string print_session_key(const SessionKey& key);
[[nodiscard]] std::optional<SessionKey> parse_session_key(std::string_view text);

class SecretKey {
public:
    /// A new pair.
    [[nodiscard]] static SecretKey make();
    /// Reads a file as write() makes it. Fault (never): it is none.
    [[nodiscard]] static Result<SecretKey> read(const std::filesystem::path& file);
    /// A new file, mode 0600. Fault (never): it is there already, or can't be written.
    [[nodiscard]] Result<void> write(const std::filesystem::path& file) const;
    /// As node.yaml names it: "postern-backup-1:" and base 64.
    [[nodiscard]] std::string public_half() const;
    /// The session key that was sealed for this pair; nothing where it was for another.
    [[nodiscard]] std::optional<SessionKey> unseal(std::string_view sealed) const;

private:
    std::array<unsigned char, 32> secret_{};
    std::array<unsigned char, 32> public_{};
};

/// A session key that only the secret half of `public_half` opens. Fault (never): that is no public backup key.
[[nodiscard]] Result<std::string> seal(const SessionKey& key, std::string_view public_half);

}  // namespace postern::backup
