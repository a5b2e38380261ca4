// Time, as values. Wall time is UTC in microseconds, so that databases, logs and tests agree on one number.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace postern {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

/// Where wall time comes from. main() passes SystemClock; tests pass one that they set. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Instant now() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override;
};

/// Microseconds since 1970 in UTC: how databases keep an instant.
[[nodiscard]] std::int64_t to_micros(Instant at) noexcept;
[[nodiscard]] Instant from_micros(std::int64_t micros) noexcept;

/// "2026-11-23T16:37:02.123456Z": logs, control protocol, command line.
[[nodiscard]] std::string to_iso8601(Instant at);
/// "Mon, 23 Nov 2026 16:37:02 +0000": RFC 5322 section 3.3.
[[nodiscard]] std::string to_rfc5322(Instant at);

}  // namespace postern
