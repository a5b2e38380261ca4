#include "vocabulary/units.hpp"

#include "base/text.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace postern::vocabulary {

namespace {

struct Unit {
    std::string_view name;  ///< lower case
    std::uint64_t factor;
};

constexpr std::array<Unit, 7> size_units{{{"b", 1},
                                          {"kib", 1ULL << 10},
                                          {"mib", 1ULL << 20},
                                          {"gib", 1ULL << 30},
                                          {"kb", 1'000},
                                          {"mb", 1'000'000},
                                          {"gb", 1'000'000'000}}};

constexpr std::uint64_t second = 1'000'000;
constexpr std::uint64_t day = 86'400 * second;
constexpr std::array<Unit, 21> time_units{{{"ms", 1'000},
                                           {"millisecond", 1'000},
                                           {"milliseconds", 1'000},
                                           {"s", second},
                                           {"second", second},
                                           {"seconds", second},
                                           {"min", 60 * second},
                                           {"minute", 60 * second},
                                           {"minutes", 60 * second},
                                           {"h", 3600 * second},
                                           {"hour", 3600 * second},
                                           {"hours", 3600 * second},
                                           {"d", day},
                                           {"day", day},
                                           {"days", day},
                                           {"week", 7 * day},
                                           {"weeks", 7 * day},
                                           {"month", 30 * day},
                                           {"months", 30 * day},
                                           {"year", 365 * day},
                                           {"years", 365 * day}}};

/// A decimal number: digits / scale. At most 6 places behind the point.
struct Decimal {
    std::uint64_t digits = 0;
    std::uint64_t scale = 1;
};

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/// Takes a decimal number from the front of `text`; nothing if there is none or it is too long to be kept exactly.
std::optional<Decimal> take_decimal(std::string_view& text)
{
    Decimal number;
    std::size_t at = 0, behind_point = 0;
    bool point = false;
    for (; at < text.size(); ++at) {
        if (text[at] == '.' && !point && at > 0 && at + 1 < text.size() && is_digit(text[at + 1])) {
            point = true;
            continue;
        }
        if (!is_digit(text[at])) break;
        if (point && ++behind_point > 6) return {};
        if (point) number.scale *= 10;
        if (__builtin_mul_overflow(number.digits, 10u, &number.digits) ||
            __builtin_add_overflow(number.digits, static_cast<unsigned>(text[at] - '0'), &number.digits))
            return {};
    }
    if (at == 0) return {};
    text.remove_prefix(at);
    return number;
}

/// "10 MiB" in the smallest unit of `units`; `what` and `example` are for the fault.
Result<std::uint64_t> parse_quantity(std::string_view text, const auto& units, std::string_view what,
                                     std::string_view example)
{
    const auto wrong = [&](std::string_view why) {
        return fault(Retry::never,
                     fmt::format("\"{}\" {}; write {} such as \"{}\"", printable(text, 60), why, what, example));
    };
    std::string_view rest = trim(text);
    const auto number = take_decimal(rest);
    if (!number)
        return wrong(text.empty() || !is_digit(trim(text).empty() ? ' ' : trim(text).front())
                         ? fmt::format("is not {}", what)
                         : "is too large or too exact");
    rest = trim(rest);
    if (rest.empty()) return wrong("has no unit");
    const auto unit = std::ranges::find_if(units, [&](const Unit& u) { return iequals(u.name, rest); });
    if (unit == units.end()) return wrong("has an unknown unit");
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(number->digits, unit->factor, &product)) return wrong("is too large");
    if (product % number->scale != 0) return wrong("is not a whole number of the smallest unit");
    return product / number->scale;
}

/// The largest unit that divides the value.
std::string print_quantity(std::uint64_t value, std::initializer_list<std::pair<std::string_view, std::uint64_t>> units)
{
    for (const auto& [name, factor] : units)
        if (value >= factor && value % factor == 0) return fmt::format("{} {}", value / factor, name);
    return {};
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text)
{
    return parse_quantity(text, size_units, "a size", "10 MiB");
}

std::string print_size(std::uint64_t bytes)
{
    const auto text = print_quantity(bytes, {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}});
    return text.empty() ? "0 B" : text;
}

Result<Duration> parse_duration(std::string_view text)
{
    auto micros = parse_quantity(text, time_units, "a time", "90 seconds");
    if (!micros) return std::unexpected(std::move(micros.error()));
    // A thousand years: far from where an Instant overflows when such a time is added to it.
    if (*micros > 365'000 * day)
        return fault(Retry::never, fmt::format("\"{}\" is longer than 1000 years", printable(text, 60)));
    return Duration{static_cast<Duration::rep>(*micros)};
}

std::string print_duration(Duration duration)
{
    if (duration.count() <= 0) return "0 seconds";
    const auto micros = static_cast<std::uint64_t>(duration.count());
    auto text = print_quantity(
        micros,
        {{"days", day}, {"hours", 3600 * second}, {"minutes", 60 * second}, {"seconds", second}, {"ms", 1'000}});
    if (text.empty()) return fmt::format("{}.{:03} ms", micros / 1000, micros % 1000);
    if (text.starts_with("1 ") && text.ends_with('s') && text != "1 ms") text.pop_back();
    return text;
}

Result<Rate> parse_rate(std::string_view text)
{
    const auto wrong = [&](std::string_view why) {
        return fault(Retry::never,
                     fmt::format("\"{}\" {}; write a rate such as \"200 per hour\"", printable(text, 60), why));
    };
    std::string_view rest = trim(text);
    Rate rate;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), rate.count);
    if (error != std::errc{}) return wrong("is not a rate");
    rest = trim(rest.substr(static_cast<std::size_t>(end - rest.data())));
    if (rest.empty()) return wrong("has no unit");
    if (rest.size() < 4 || !iequals(rest.substr(0, 4), "per ")) return wrong("is not a rate");
    rest = trim(rest.substr(4));
    const auto per =
        parse_duration(!rest.empty() && is_digit(rest.front()) ? std::string(rest) : "1 " + std::string(rest));
    if (!per) return wrong("has an unknown unit of time");
    if (per->count() <= 0) return wrong("counts in no time");
    rate.per = *per;
    return rate;
}

std::string print_rate(const Rate& rate)
{
    auto per = print_duration(rate.per);
    if (per.starts_with("1 ")) per.erase(0, 2);
    return fmt::format("{} per {}", rate.count, per);
}

Result<double> parse_percent(std::string_view text)
{
    const auto wrong = [&](std::string_view why) {
        return fault(Retry::never, fmt::format("\"{}\" {}; write a share such as \"20 %\"", printable(text, 60), why));
    };
    std::string_view rest = trim(text);
    const auto number = take_decimal(rest);
    if (!number) return wrong("is not a share");
    rest = trim(rest);
    if (rest.empty()) return wrong("has no unit");
    if (rest != "%") return wrong("is not a share");
    const double percent = static_cast<double>(number->digits) / static_cast<double>(number->scale);
    if (percent > 100) return wrong("is more than 100 %");
    return percent / 100;
}

bool Ip::is_v4() const noexcept
{
    static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    return std::equal(mapped.begin(), mapped.end(), bytes.begin());
}

bool Ip::is_loopback() const noexcept
{
    if (is_v4()) return bytes[12] == 127;
    return std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes[15] == 1;
}

Result<Ip> parse_ip(std::string_view text)
{
    std::array<char, INET6_ADDRSTRLEN + 1> zero_terminated{};
    const auto wrong = [&] {
        return fault(Retry::never,
                     fmt::format("\"{}\" is not an IP address; write one such as \"203.0.113.8\" or \"2001:db8::1\"",
                                 printable(text, 60)));
    };
    if (text.size() >= zero_terminated.size() || text.find('\0') != text.npos) return wrong();
    std::ranges::copy(text, zero_terminated.begin());
    Ip ip;
    if (text.find(':') == text.npos) {
        ip.bytes[10] = ip.bytes[11] = 0xFF;
        if (inet_pton(AF_INET, zero_terminated.data(), ip.bytes.data() + 12) != 1) return wrong();
    } else if (inet_pton(AF_INET6, zero_terminated.data(), ip.bytes.data()) != 1) {
        return wrong();
    }
    return ip;
}

std::string print_ip(const Ip& ip)
{
    std::array<char, INET6_ADDRSTRLEN + 1> text{};
    if (ip.is_v4())
        inet_ntop(AF_INET, ip.bytes.data() + 12, text.data(), text.size());
    else
        inet_ntop(AF_INET6, ip.bytes.data(), text.data(), text.size());
    return text.data();
}

namespace {

/// Whether the first `bits` bits of the two are the same.
bool same_prefix(const Ip& a, const Ip& b, unsigned bits) noexcept
{
    const std::size_t whole = bits / 8;
    if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
    if (bits % 8 == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - bits % 8));
    return ((a.bytes[whole] ^ b.bytes[whole]) & mask) == 0;
}

Ip masked(Ip ip, unsigned bits)
{
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned kept = bits <= i * 8 ? 0 : std::min(8u, bits - i * 8);
        ip.bytes[i] = static_cast<std::uint8_t>(ip.bytes[i] & (0xFF << (8 - kept)));
    }
    return ip;
}

}  // namespace

bool Network::contains(const Ip& ip) const noexcept
{
    return same_prefix(base, ip, bits);
}

bool Network::overlaps(const Network& other) const noexcept
{
    return same_prefix(base, other.base, std::min(bits, other.bits));
}

Result<Network> parse_network(std::string_view text)
{
    const auto slash = text.find('/');
    auto ip = parse_ip(text.substr(0, slash));
    if (!ip)
        return fault(Retry::never,
                     fmt::format("\"{}\" is not a network; write one such as \"203.0.113.8/29\" or \"2001:db8::/32\"",
                                 printable(text, 60)));
    Network network{*ip, 128};
    if (slash == text.npos) return network;
    const bool v4 = text.substr(0, slash).find(':') == text.npos;
    const unsigned most = v4 ? 32 : 128;
    unsigned bits = 0;
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits > most)
        return fault(Retry::never,
                     fmt::format("\"{}\": the number behind the slash is 0 to {}", printable(text, 60), most));
    network.bits = static_cast<std::uint8_t>(v4 ? bits + 96 : bits);
    if (const Ip base = masked(*ip, network.bits); base != *ip)
        return fault(Retry::never, fmt::format("\"{}\" has bits set behind its prefix; write \"{}\"",
                                               printable(text, 60), print_network({base, network.bits})));
    return network;
}

std::string print_network(const Network& network)
{
    // An IPv4 base with fewer than 96 bits can only be the IPv6 network that holds all of IPv4.
    const bool v4 = network.base.is_v4() && network.bits >= 96;
    if (network.bits == 128) return print_ip(network.base);
    return fmt::format("{}/{}", print_ip(network.base), v4 ? network.bits - 96 : network.bits);
}

namespace {

bool is_host(std::string_view host)
{
    if (host.empty() || host.size() > 253 || host.front() == '-' || host.front() == '.' || host.back() == '.')
        return false;
    if (host.find("..") != host.npos) return false;
    return std::ranges::all_of(host, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
    });
}

/// A dotted name that consists of digits only would be taken for an address by some resolvers and not by others.
bool looks_like_address(std::string_view host)
{
    return std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text)
{
    const auto wrong = [&](std::string_view why) {
        return fault(Retry::never,
                     fmt::format("\"{}\" {}; write \"mail.example.org:25\", \"192.0.2.1:25\" or \"[2001:db8::1]:25\"",
                                 printable(text, 80), why));
    };
    const auto colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    const auto bracket = text.find(']');
    if (colon == text.npos || (bracketed && (bracket == text.npos || colon < bracket))) return wrong("has no port");
    HostPort host_port;
    auto host = text.substr(0, colon);
    if (bracketed) {
        if (bracket + 1 != colon || host.find(':') == host.npos || !parse_ip(host.substr(1, host.size() - 2)))
            return wrong("is not an address and a port");
        host = host.substr(1, host.size() - 2);
    } else if (!is_host(host) || (looks_like_address(host) && !parse_ip(host))) {
        return wrong("is not a host and a port");
    }
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), host_port.port);
    if (digits.empty()) return wrong("has no port");
    if (error != std::errc{} || end != digits.data() + digits.size() || host_port.port == 0)
        return wrong("has a port that is not 1 to 65535");
    host_port.host = host;
    return host_port;
}

std::string print_host_port(const HostPort& host_port)
{
    return host_port.host.find(':') == std::string::npos ? fmt::format("{}:{}", host_port.host, host_port.port)
                                                         : fmt::format("[{}]:{}", host_port.host, host_port.port);
}

}  // namespace postern::vocabulary
