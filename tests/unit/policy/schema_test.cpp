// The schemas that editors use are those that the loader's table of keys makes.
//
// `POSTERN_WRITE_SCHEMAS=1 test_policy "the schemas*"` writes them anew after a change of the table.
#include "policy/schema.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace postern::policy;

TEST_CASE("the schemas in the tree say what the loader takes")
{
    for (const auto kind : file_kinds()) {
        const auto path =
            std::string(POSTERN_SOURCE_DIR "/yaml-schema/") + std::string(kind_name(kind)) + ".schema.json";
        const auto due = json_schema(kind);
        if (std::getenv("POSTERN_WRITE_SCHEMAS") != nullptr)
            std::ofstream(path) << due;  // NOLINT(concurrency-mt-unsafe)
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        INFO(path << " differs: run this test with POSTERN_WRITE_SCHEMAS=1");
        REQUIRE(text.str() == due);
    }
}
