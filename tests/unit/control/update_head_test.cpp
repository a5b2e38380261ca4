// The front of an update, as it is sent.
#include "control/update_head.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

using namespace postern::control;

namespace {

/// A member of a ustar archive, as `tar --format=ustar` writes it; the checksum is nobody's business here.
std::string member(const std::string& name, const std::string& content)
{
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    header.replace(124, 11, fmt::format("{:011o}", content.size()));
    header.replace(257, 5, "ustar");
    auto padded = content;
    padded.resize((content.size() + 511) / 512 * 512);
    return header + padded;
}

}  // namespace

TEST_CASE("manifest and signature are found at the front of an update")
{
    const auto manifest = "postern-update 1\nversion 0.1.1\n" + std::string(600, 'x');
    const auto head = read_update_head(member("manifest", manifest) + member("manifest.sig", "signature") + "more");
    REQUIRE(head);
    CHECK(head->manifest == manifest);
    CHECK(head->signature == "signature");
}

TEST_CASE("what is no update is told apart at its front")
{
    const auto manifest = member("manifest", "postern-update 1\n");
    for (const auto& front :
         {std::string(), std::string("not an update"), std::string(2048, '\0'), manifest, manifest.substr(0, 520),
          member("manifest.sig", "x") + manifest, manifest + member("root.erofs", "x"),
          manifest + member("manifest.sig", std::string(64, 's')).substr(0, 530),
          manifest + member("manifest.sig", std::string(100000, 's'))}) {
        const auto head = read_update_head(front);
        REQUIRE_FALSE(head);
        CHECK_THAT(head.error().detail(), Catch::Contains("no update"));
    }
    auto strange = member("manifest", "x");
    strange.replace(124, 11, "99999999999");
    CHECK_FALSE(read_update_head(strange + member("manifest.sig", "x")));
}
