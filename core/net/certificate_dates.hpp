// When certificates of a file end. Blocking; off the I/O threads.
#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>

namespace postern::net {

/// The earliest end among the certificates of a PEM file; nothing if there is none to read.
[[nodiscard]] std::optional<Instant> earliest_end(const std::string& pem_file);

}  // namespace postern::net
