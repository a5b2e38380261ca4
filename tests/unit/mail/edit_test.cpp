// Edits: applying them to an original, and their form for the database.
#include "mail/edit.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::mail;

TEST_CASE("edits take out and put in, and leave the rest as it was")
{
    const std::string original = "0123456789";
    const Edits edits{{0, 0, "a"}, {2, 3, ""}, {7, 1, "bc"}, {10, 0, "z"}};

    REQUIRE(applied(original, edits) == "a0156bc89z");
    REQUIRE(applied_size(original.size(), edits) == 10);
    REQUIRE(applied(original, {}) == original);
    REQUIRE(applied("", {{0, 0, "x"}}) == "x");
}

TEST_CASE("pieces are views into the original and the edits")
{
    const std::string original = "0123456789";
    const Edits edits{{4, 2, "xy"}};

    const auto pieces = mail::apply(original, edits);

    REQUIRE(pieces.size() == 3);
    REQUIRE(pieces[0].data() == original.data());
    REQUIRE(pieces[1].data() == edits[0].text.data());
    REQUIRE(pieces[2].data() == original.data() + 6);
}

TEST_CASE("an edit beyond the original is cut to it")
{
    const Edits edits{{2, 100, "x"}, {50, 5, "y"}};

    REQUIRE(applied("0123", edits) == "01xy");
    REQUIRE(applied_size(4, edits) == 4);
}

TEST_CASE("edits survive their stored form")
{
    const auto edits =
        GENERATE(Edits{}, Edits{{0, 0, "a"}}, Edits{{0, 0, "a"}, {2, 3, ""}, {700, 1, std::string(300, 'b')}},
                 Edits{{1ULL << 40, 1ULL << 35, std::string("\0\xFF", 2)}});

    const auto decoded = decode_edits(encode(edits));

    REQUIRE(decoded);
    REQUIRE(*decoded == edits);
}

TEST_CASE("stored edits that were damaged are refused and never applied")
{
    const std::string good = encode({{5, 2, "hello"}, {70, 0, "x"}});

    for (std::size_t i = 0; i < good.size(); ++i) {
        auto damaged = good;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
        REQUIRE_FALSE(decode_edits(damaged));
    }
    for (std::size_t size = 1; size < good.size(); ++size) REQUIRE_FALSE(decode_edits(good.substr(0, size)));
    REQUIRE_FALSE(decode_edits(good + "x"));
    REQUIRE(decode_edits("x").error().retry() == Retry::later);
}
