// Signatures as `ssh-keygen -Y sign` makes them (OpenSSH's PROTOCOL.sshsig), by keys of kind ssh-ed25519.
//
// Pure; any thread. Administrators have such keys, on disk, in an agent or in hardware that speaks for one; the image
// needs no OpenSSH to check them.
#pragma once

#include "base/fault.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::appliance {

/// Which of the keys ("ssh-ed25519 AAAA... name", a line of authorized_keys) signed the text under that namespace.
/// Fault (never): nobody did, or the signature is none.
[[nodiscard]] Result<std::string> signer_of(std::string_view text, std::string_view signature,
                                            std::string_view name_space, const std::vector<std::string>& keys);

}  // namespace postern::appliance
