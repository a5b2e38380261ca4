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

/// Where the machine's journal is sent (RFC 5424, by TLS as RFC 5425 says).
struct RemoteJournal {
    HostPort server;
    bool tls = true;
    std::string authorities;  ///< PEM, absolute path; empty: the system's
    std::string name;         ///< that the server's certificate must carry; empty: the server's own
};

/// A certificate that an ACME server issues (RFC 8555), proved by port 443 (RFC 8737).
struct Acme {
    std::string directory;           ///< URL
    std::string authorities;         ///< whom the server is proved by: PEM, absolute path; empty: the system's
    std::string contact;             ///< address for the server's letters; empty: none
    std::vector<std::string> names;  ///< what the certificate is for; empty: the node's name
};

struct Machine {
    std::vector<Interface> interfaces;
    std::vector<TimeServer> time;
    std::vector<std::string> signatures;         ///< URLs of signature databases, or names of mirrors
    std::vector<std::string> administrators;     ///< SSH public keys that may sign configuration disks
    Duration confirm = std::chrono::minutes{5};  ///< a change of the network from afar is taken back after this
    std::optional<RemoteJournal> journal;
    std::optional<Acme> acme;
    std::string updates;              ///< URL of the folder where updates are published; empty: none
    std::string updates_authorities;  ///< whom its certificate must come from: PEM, absolute path; empty: the system's
    bool debug = false;               ///< a shell for whoever stands at the console
};

}  // namespace postern::vocabulary
