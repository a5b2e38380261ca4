// The command line's side of the control protocol: one question, one answer, over the local socket, or over mutual TLS
// to a gateway elsewhere. Blocking.
#pragma once

#include "base/fault.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace postern::control {

struct Answer {
    unsigned status = 0;
    std::string body;
    [[nodiscard]] bool good() const noexcept { return status < 300; }
};

/// A gateway elsewhere, and how an administrator proves who they are.
struct RemoteEngine {
    static constexpr std::uint16_t usual_port = 8443;
    std::string host;  ///< a DNS name or an address: where to connect
    std::uint16_t port = usual_port;
    std::string name;         ///< that its certificate must bear; `host` where empty
    std::string key;          ///< PEM files
    std::string certificate;  ///< the administrator's
    std::string authority;    ///< who vouches for the gateway's; empty: the system's authorities
};

/// Which engine is asked.
struct EngineAddress {
    std::string socket;
    std::optional<RemoteEngine> remote;  ///< goes before the socket
    std::string acting_for{};            ///< the person in whose name is asked; empty: in one's own
};

/// Asks the engine. Fault: nobody answers there, no permission, not the gateway that it should be; says what to do.
[[nodiscard]] Result<Answer> ask(const EngineAddress& engine, const std::string& method, const std::string& target,
                                 const std::string& body, bool as_text);

/// For a query string.
[[nodiscard]] std::string percent_encode(const std::string& text);

}  // namespace postern::control
