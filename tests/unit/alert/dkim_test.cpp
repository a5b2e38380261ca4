// Canonical forms by the RFC's own examples; that others verify our signatures is shown in system/test_alerts.py.
#include "alert/dkim.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace postern;

TEST_CASE("RFC 6376 section 3.4.5: relaxed header and body")
{
    CHECK(alert::relaxed_field("A: X") == "a:X");
    CHECK(alert::relaxed_field("B : Y\t\r\n\tZ  ") == "b:Y Z");
    CHECK(alert::relaxed_body(" C \r\nD \t E\r\n\r\n\r\n") == " C\r\nD E\r\n");
    CHECK(alert::relaxed_body("\r\n\r\n").empty());
}

TEST_CASE("a key that is none, or too weak a kind, is refused with its file's name")
{
    const auto path = (std::filesystem::temp_directory_path() / ("dkim-" + std::to_string(::getpid()))).string();
    std::ofstream(path) << "no key\n";
    const auto refused = alert::Signer::load({"cjsm.net", "a", path});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().describe().find(path) != std::string::npos);
    std::filesystem::remove(path);
    CHECK_FALSE(alert::Signer::load({"cjsm.net", "a", path}));
}
