// The appliance that Postern runs on, as node.yaml's `machine:` declares it. Immutable values; what the engine itself
// does not do with them `postern-machine` does (core/appliance).
#pragma once

#include "vocabulary/units.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::vocabulary {

/// An address of this machine with the length of its network's prefix: "192.0.2.10/24".
struct InterfaceAddress {
    Ip ip;
    std::uint8_t bits = 128;  ///< counted in the 128-bit form, as Network counts
};

struct Interface {
    std::string name;                         ///< as the kernel calls it, * and ? match; or its hardware address
    bool dhcp = false;                        ///< addresses by DHCP; then `addresses` is empty
    std::vector<InterfaceAddress> addresses;  ///< at least one, without DHCP
    std::vector<Ip> routers;                  ///< default routes, at most one for each family
};

struct TimeServer {
    std::string server;          ///< name or address
    bool authenticated = false;  ///< by Network Time Security (RFC 8915)
};

struct Machine {
    std::vector<Interface> interfaces;
    std::vector<TimeServer> time;
    std::vector<std::string> signatures;  ///< URLs of signature databases, or names of mirrors
};

}  // namespace postern::vocabulary
