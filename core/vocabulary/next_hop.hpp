// Where mail goes and what proves that it is the right place; how often and how long is tried. Immutable values.
#pragma once

#include "base/clock.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace postern::vocabulary {

/// How a next hop proves itself. `none` (clear text) can only be declared for loopback addresses.
enum class HopTls { verify, dane, pin, none };

enum class HopProtocol { smtp, lmtp };

struct NextHop {
    std::string name;  ///< stable name of the destination: "organisation:greenstone", "route:night", "mailboxes"
    HopProtocol protocol = HopProtocol::smtp;
    std::vector<HostPort> hosts;  ///< tried in order; empty when `mx_domain` is set
    std::string mx_domain;        ///< look up MX (then address) of this domain; port 25
    std::string unix_socket;      ///< LMTP only: path of a local socket
    HopTls tls = HopTls::verify;
    std::vector<std::string> pins;  ///< SHA-256 of accepted certificates (DER), lower-case hexadecimal; for `pin`
    std::string verify_name;        ///< name the certificate must carry; empty: the host's own name
    std::string credentials;        ///< name of a login in node.yaml's secrets, for AUTH; empty: none
    std::string ca_file;            ///< authorities believed for this hop; empty: those of node.yaml
    unsigned concurrency = 10;      ///< connections at one time, at least 1
    unsigned messages_per_connection = 100;
    friend bool operator==(const NextHop&, const NextHop&) = default;
};

/// routing.yaml `retry:`.
struct RetrySchedule {
    Duration first{std::chrono::minutes{1}};
    double factor = 2;
    Duration at_most{std::chrono::hours{1}};
    double jitter = 0.2;                           ///< 0..1: the wait is varied by up to this share both ways
    Duration delay_report{std::chrono::hours{4}};  ///< after this the sender is told once
    Duration give_up{std::chrono::days{2}};        ///< after this the message bounces
    friend bool operator==(const RetrySchedule&, const RetrySchedule&) = default;
};

}  // namespace postern::vocabulary
