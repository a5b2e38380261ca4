// One place where mail can be handed over: what route/ finds and deliver/ tries. A regular value.
#pragma once

#include "net/stream.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace postern::net {

struct Endpoint {
    std::string host;   ///< name as declared or from MX: for TLS and logs
    vocabulary::Ip ip;  ///< unused with a unix_socket
    std::uint16_t port = 0;
    std::string unix_socket;  ///< path; empty: TCP
    std::vector<Tlsa> tlsa;   ///< with HopTls::dane: at least one usable record, proved by DNSSEC
    bool mx_secure = false;   ///< the MX records that led here were proved by DNSSEC
};

/// "mail.greenstonechambers.co.uk [192.0.2.1]:25", or the path of a local socket.
[[nodiscard]] std::string describe(const Endpoint& endpoint);

}  // namespace postern::net
