// A small file from a server, by HTTPS: the server must prove its name by declared authorities, or the system's.
//
// A coroutine on its caller's thread; every step has the one deadline. Redirections are not followed: who declares an
// address means that one.
#pragma once

#include "base/clock.hpp"
#include "net/dns.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

namespace postern::control {

/// The body of a 200. `authorities`: PEM file; empty: the system's. `most`: bytes. Fault (later): not reached, not
/// proved, too long; (never): no https URL, or another answer than 200.
[[nodiscard]] boost::asio::awaitable<Result<std::string>> fetch(net::Dns& dns, std::string url, std::string authorities,
                                                                std::uint64_t most, Duration patience);

}  // namespace postern::control
