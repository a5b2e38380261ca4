// Files from and to servers by HTTPS: the server must prove its name by declared authorities, or the system's.
//
// Coroutines on their caller's thread. Redirections are not followed: who declares an address means that one.
#pragma once

#include "base/clock.hpp"
#include "net/dns.hpp"
#include "net/tls_context.hpp"
#include "vocabulary/login.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace postern::control {

/// The body of a 200. `authorities`: PEM file; empty: the system's. `most`: bytes. `patience`: for all of it. Fault
/// (later): not reached, not proved, too long; (never): no https URL, or another answer than 200.
[[nodiscard]] boost::asio::awaitable<Result<std::string>> fetch(net::Dns& dns, std::string url, std::string authorities,
                                                                std::uint64_t most, Duration patience);

/// Whom a file is given to, and how each proves itself to the other.
struct Recipient {
    std::string url;                         ///< of the file itself
    std::string authorities;                 ///< PEM file; empty: the system's
    net::KeyPair own;                        ///< shown to a server that asks
    std::optional<vocabulary::Login> login;  ///< said by HTTP Basic (RFC 7617), to the proven server only
};
/// The file by PUT (RFC 9110 section 9.3.4); with any 2xx the server has the whole. `patience`: for each step, the
/// largest of which are a quarter of a MiB of the file and the server's answer. Reads the file on the calling thread.
/// Fault (later): not reached, not proved, not done; (never): no https URL, or an answer that asking again won't
/// change.
[[nodiscard]] boost::asio::awaitable<Result<void>> put_file(net::Dns& dns, Recipient recipient,
                                                            std::filesystem::path file, Duration patience);

}  // namespace postern::control
