// Certificates in files: when they end, which they are. Blocking; off the I/O threads.
#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>

namespace postern::net {

/// The earliest end among the certificates of a PEM file; nothing if there is none to read.
[[nodiscard]] std::optional<Instant> earliest_end(const std::string& pem_file);

/// SHA-256 of the first certificate in the PEM file (its DER form), lower-case hexadecimal; nothing where there is
/// none.
[[nodiscard]] std::optional<std::string> fingerprint_in(const std::string& file);

}  // namespace postern::net
