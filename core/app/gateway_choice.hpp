// Which engine the commands ask: the one behind the local socket, or with --at a gateway elsewhere.
//
// What is not said on the command line comes from the environment (POSTERN_AT, POSTERN_KEY, POSTERN_CERTIFICATE,
// POSTERN_AUTHORITY), then from ~/.config/postern/GATEWAY.yaml.
#pragma once

#include "base/fault.hpp"
#include "control/client.hpp"

#include <filesystem>
#include <string>

namespace postern::app {

struct GatewayOptions {
    std::string at;  ///< GATEWAY[:PORT]; empty: the local socket
    std::string key, certificate, authority;
};

/// Where GATEWAY.yaml lies: $XDG_CONFIG_HOME/postern, or ~/.config/postern.
[[nodiscard]] std::filesystem::path gateways_folder();
/// Fault (never): GATEWAY is no name, or its file is not right.
[[nodiscard]] Result<control::RemoteEngine> choose_gateway(const GatewayOptions& options,
                                                           const std::filesystem::path& folder);

}  // namespace postern::app
