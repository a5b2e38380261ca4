// ~/.config/postern/GATEWAY.yaml: where a gateway is that an administrator looks after from elsewhere, and what they
// show it.
//
//     address: "mx.cjsm.net:8443"       # where to connect; the gateway's name and port 8443 where absent
//     key: anna.key                     # paths count from the file's own folder
//     certificate: anna.pem
//     authority: ca.pem                 # who vouches for the gateway; the system's authorities where absent
//
// Blocking. All that is wrong comes back at once, with places.
#pragma once

#include "policy/diagnostic.hpp"
#include "vocabulary/units.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace postern::policy {

struct GatewayFile {
    std::optional<vocabulary::HostPort> address;
    std::string key, certificate, authority;  ///< absolute, or empty
    Diagnostics diagnostics;
};

/// A file that is not there is an empty one.
[[nodiscard]] GatewayFile read_gateway_file(const std::filesystem::path& path);

}  // namespace postern::policy
