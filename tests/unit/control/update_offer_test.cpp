// What a source of updates may offer.
#include "control/update_offer.hpp"
#include "directory/audit_chain.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

using namespace postern;
using namespace postern::control;

TEST_CASE("versions are compared by their numbers")
{
    CHECK(is_higher("0.1.10", "0.1.9"));
    CHECK(is_higher("1", "0.9.9"));
    CHECK(is_higher("0.1.1", "0.1"));
    CHECK_FALSE(is_higher("0.1.0", "0.1"));
    CHECK_FALSE(is_higher("0.1.9", "0.1.10"));
    CHECK_FALSE(is_higher("0.2", "0.2"));
}

TEST_CASE("an offer counts only with the maker's signature")
{
    const auto folder = std::filesystem::temp_directory_path() / "postern-offer-test";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const auto maker = *directory::AuditKey::load_or_create(folder / "maker");
    const auto stranger = *directory::AuditKey::load_or_create(folder / "stranger");
    const std::string manifest = "postern-update 1\nversion 0.1.3\nroot-hash 00\n";
    const auto by = [](const directory::AuditKey& key, const std::string& text) {
        return key.sign(std::string_view(text));
    };

    const auto newer = read_offer(manifest, by(maker, manifest), maker.public_key(), "0.1.2");
    REQUIRE(newer);
    CHECK(newer->version == "0.1.3");
    CHECK(newer->newer);
    CHECK_FALSE(read_offer(manifest, by(maker, manifest), maker.public_key(), "0.1.3")->newer);
    CHECK_FALSE(read_offer(manifest, by(stranger, manifest), maker.public_key(), "0.1.2"));
    CHECK_FALSE(read_offer(manifest + "x", by(maker, manifest), maker.public_key(), "0.1.2"));
    const std::string other = "postern-update 2\nversion 0.1.3\n";
    CHECK_FALSE(read_offer(other, by(maker, other), maker.public_key(), "0.1.2"));
    const std::string none = "postern-update 1\nversion ../../x\n";
    CHECK_FALSE(read_offer(none, by(maker, none), maker.public_key(), "0.1.2"));
    std::filesystem::remove_all(folder);
}
