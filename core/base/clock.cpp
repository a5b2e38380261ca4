#include "base/clock.hpp"

#include <fmt/format.h>
#include <array>
#include <ctime>

namespace postern {

namespace {

std::tm utc(Instant at)
{
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

Instant SystemClock::now() const
{
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::int64_t to_micros(Instant at) noexcept
{
    return at.time_since_epoch().count();
}

Instant from_micros(std::int64_t micros) noexcept
{
    return Instant{std::chrono::microseconds{micros}};
}

std::string to_iso8601(Instant at)
{
    const std::tm t = utc(at);
    const auto micros = (at - std::chrono::floor<std::chrono::seconds>(at)).count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                       t.tm_hour, t.tm_min, t.tm_sec, micros);
}

std::string to_rfc5322(Instant at)
{
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::tm t = utc(at);
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", days.at(static_cast<std::size_t>(t.tm_wday)),
                       t.tm_mday, months.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour, t.tm_min,
                       t.tm_sec);
}

}  // namespace postern
