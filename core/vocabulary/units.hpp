// Quantities as administrators write them: "10 MiB", "90 days", "200 per hour", "203.0.113.8/29", "20 %".
//
// Pure parsers and printers; what one prints the other reads. Faults (never) name what was wrong and show an example.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::vocabulary {

/// Bytes. "0 B" is allowed; units B, KiB, MiB, GiB, KB, MB, GB (case-blind, powers of 1024 and 1000).
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string print_size(std::uint64_t bytes);

/// millisecond(s)/ms, second(s)/s, minute(s)/min, hour(s)/h, day(s)/d, week(s), month(s) (30 days), year(s) (365 days).
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::string print_duration(Duration duration);

/// "200 per hour": how many in which time.
struct Rate {
    std::uint64_t count = 0;
    Duration per{};
    friend bool operator==(const Rate&, const Rate&) = default;
};
[[nodiscard]] Result<Rate> parse_rate(std::string_view text);
[[nodiscard]] std::string print_rate(const Rate& rate);

/// "20 %" as 0.2; 0 to 100.
[[nodiscard]] Result<double> parse_percent(std::string_view text);

/// An IPv4 or IPv6 address; IPv4 is kept in its IPv4-mapped form so that both compare alike.
struct Ip {
    std::array<std::uint8_t, 16> bytes{};
    [[nodiscard]] bool is_v4() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    friend auto operator<=>(const Ip&, const Ip&) = default;
};
[[nodiscard]] Result<Ip> parse_ip(std::string_view text);
[[nodiscard]] std::string print_ip(const Ip& ip);

/// A network in CIDR form; a single address is /32 or /128. Host bits that are set are an error.
struct Network {
    Ip base;
    std::uint8_t bits = 128;  ///< counted in the 128-bit form: an IPv4 /29 is 125
    [[nodiscard]] bool contains(const Ip& ip) const noexcept;
    [[nodiscard]] bool overlaps(const Network& other) const noexcept;
    friend bool operator==(const Network&, const Network&) = default;
};
[[nodiscard]] Result<Network> parse_network(std::string_view text);
[[nodiscard]] std::string print_network(const Network& network);

/// "host:25", "192.0.2.1:25", "[2001:db8::1]:25"; the port is required.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
    friend bool operator==(const HostPort&, const HostPort&) = default;
};
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);
[[nodiscard]] std::string print_host_port(const HostPort& host_port);

}  // namespace postern::vocabulary
