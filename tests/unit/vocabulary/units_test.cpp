#include "vocabulary/units.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::vocabulary;
using namespace std::chrono_literals;

TEST_CASE("a bare number where a unit is due is an error that shows how to write it")
{
    REQUIRE(parse_size("10").error().detail() == R"("10" has no unit; write a size such as "10 MiB")");
    REQUIRE(parse_duration("90").error().detail() == R"("90" has no unit; write a time such as "90 seconds")");
    REQUIRE(parse_rate("200").error().detail() == R"("200" has no unit; write a rate such as "200 per hour")");
    REQUIRE(parse_percent("20").error().detail() == R"("20" has no unit; write a share such as "20 %")");
}

TEST_CASE("sizes count in powers of 1024 and 1000, as they are written")
{
    REQUIRE(parse_size("10 MiB") == 10u << 20);
    REQUIRE(parse_size("10MB") == 10'000'000u);
    REQUIRE(parse_size("  4 kib ") == 4096u);
    REQUIRE(parse_size("1.5 GiB") == 3ULL << 29);
    REQUIRE(parse_size("0 B") == 0u);
    REQUIRE(parse_size("17179869183 GiB") == 17179869183ULL << 30);
}

TEST_CASE("a size that cannot be kept exactly is refused")
{
    for (const char* text : {"", " ", "MiB", "-1 B", "1.5 B", "1. MiB", ".5 MiB", "1e3 B", "0x10 B", "17179869184 GiB",
                             "99999999999999999999 B", "1.0000001 MiB", "1 MiB 1", "1 M", "1,5 MiB", "+1 B"})
        CHECK(!parse_size(text));
}

TEST_CASE("what a printer writes its parser reads")
{
    for (const std::uint64_t bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 5ULL << 20, (5ULL << 20) + 1, 1ULL << 63, ~0ULL})
        CHECK(parse_size(print_size(bytes)) == bytes);
    for (const Duration time : {Duration{0}, Duration{1}, Duration{1500}, Duration{1s}, Duration{90s}, Duration{60min},
                                Duration{49h}, Duration{24h * 365}})
        CHECK(parse_duration(print_duration(time)) == time);
    for (const Rate rate : {Rate{200, 1h}, Rate{5, 10min}, Rate{0, 1s}}) CHECK(parse_rate(print_rate(rate)) == rate);
    for (const char* text : {"203.0.113.8/29", "0.0.0.0/0", "10.1.2.3", "2001:db8::/32", "::1", "::/0"})
        CHECK(print_network(parse_network(text).value()) == text);
    for (const char* text : {"mail.example.org:25", "192.0.2.1:25", "[2001:db8::1]:25"})
        CHECK(print_host_port(parse_host_port(text).value()) == text);
}

TEST_CASE("times are written with the unit that people use")
{
    REQUIRE(parse_duration("90 days") == Duration{24h * 90});
    REQUIRE(parse_duration("1.5 hours") == Duration{90min});
    REQUIRE(parse_duration("250ms") == Duration{250ms});
    REQUIRE(parse_duration("2 weeks") == Duration{24h * 14});
    REQUIRE(print_duration(Duration{1h}) == "1 hour");
    REQUIRE(print_duration(Duration{90min}) == "90 minutes");
    REQUIRE(!parse_duration("1001 years"));
    REQUIRE(!parse_duration("5 fortnights"));
}

TEST_CASE("a rate counts in some time")
{
    REQUIRE(parse_rate("200 per hour") == Rate{200, 1h});
    REQUIRE(parse_rate("3 per 10 minutes") == Rate{3, 10min});
    REQUIRE(!parse_rate("3 per 0 minutes"));
    REQUIRE(!parse_rate("3 hour"));
    REQUIRE(!parse_rate("per hour"));
}

TEST_CASE("shares are between nothing and all")
{
    REQUIRE(parse_percent("20 %") == Approx(0.2));
    REQUIRE(parse_percent("12.5%") == Approx(0.125));
    REQUIRE(!parse_percent("101 %"));
    REQUIRE(!parse_percent("%"));
}

TEST_CASE("a network holds its addresses and no other, whichever way IPv4 is written")
{
    const auto network = parse_network("203.0.113.8/29").value();
    REQUIRE(network.contains(parse_ip("203.0.113.8").value()));
    REQUIRE(network.contains(parse_ip("::ffff:203.0.113.15").value()));
    REQUIRE(!network.contains(parse_ip("203.0.113.16").value()));
    REQUIRE(!network.contains(parse_ip("2001:db8::1").value()));
    REQUIRE(!parse_network("0.0.0.0/0")->contains(parse_ip("2001:db8::1").value()));
    REQUIRE(network.overlaps(parse_network("203.0.113.0/24").value()));
    REQUIRE(!network.overlaps(parse_network("203.0.113.0/29").value()));
}

TEST_CASE("a network with bits behind its prefix is refused, with the one that may have been meant")
{
    REQUIRE(parse_network("203.0.113.9/29").error().detail() ==
            R"("203.0.113.9/29" has bits set behind its prefix; write "203.0.113.8/29")");
    for (const char* text : {"203.0.113.8/33", "2001:db8::/129", "203.0.113.8/", "203.0.113.8/-1", "/8", "203.0.113/24",
                             "1.2.3.04", "fe80::1%eth0"})
        CHECK(!parse_network(text));
}

TEST_CASE("loopback is what this machine calls itself")
{
    REQUIRE(parse_ip("127.0.0.1")->is_loopback());
    REQUIRE(parse_ip("127.255.0.1")->is_loopback());
    REQUIRE(parse_ip("::1")->is_loopback());
    REQUIRE(!parse_ip("::2")->is_loopback());
    REQUIRE(!parse_ip("128.0.0.1")->is_loopback());
}

TEST_CASE("a host needs a port, and an address in colons needs brackets")
{
    REQUIRE(parse_host_port("[2001:db8::1]:25") == HostPort{"2001:db8::1", 25});
    for (const char* text : {"mail.example.org", "mail.example.org:", "mail.example.org:0", "mail.example.org:65536",
                             ":25", "2001:db8::1:25", "[2001:db8::1]", "[mail.example.org]:25", "ma il:25", "1.2.3:25",
                             "999.1.1.1:25", "-a.example:25", "a..b:25", "[]:25"})
        CHECK(!parse_host_port(text));
}
