// Texts of policy files as values, where neither vocabulary nor mail has a parser for them.
//
// Pure; any thread. Faults (never) are of the form "what; write example".
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "policy/document.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::policy {

/// "2026-12-01T06:00:00Z": UTC only.
[[nodiscard]] Result<Instant> parse_instant(std::string_view text);
/// 64 hexadecimal digits, colons between pairs allowed (as openssl prints them); comes back lower-case without.
[[nodiscard]] Result<std::string> parse_sha256(std::string_view text);
/// true or false, unquoted.
[[nodiscard]] std::optional<bool> parse_boolean(const YamlNode& node) noexcept;
/// A whole number, unquoted.
[[nodiscard]] std::optional<std::uint64_t> parse_count(const YamlNode& node) noexcept;
/// A decimal number, unquoted.
[[nodiscard]] std::optional<double> parse_factor(const YamlNode& node) noexcept;
/// RFC 5322 section 3.6.8 field name, at most 100 bytes.
[[nodiscard]] bool is_header_name(std::string_view name) noexcept;
/// "127.0.0.1" or "127.0.0.1@5353", as libunbound takes a server.
[[nodiscard]] bool is_resolver(std::string_view text) noexcept;
/// [a-z0-9-]{1,64}
[[nodiscard]] bool is_id(std::string_view text) noexcept;

}  // namespace postern::policy
