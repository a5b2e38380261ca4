// Files of a policy as JSON, both ways.
#include "control/file_sets.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace postern;
using control::files_json;
using control::files_of;

TEST_CASE("files come back from JSON as they were, also those that are no text")
{
    policy::FileSet files{{"node.yaml", "name: caf\xC3\xA9\n"}, {"tests/empty.yaml", ""}};
    for (std::size_t size = 1; size < 8; ++size)
        files["lua/" + std::to_string(size) + ".lua"] = std::string(size, '\xFF');
    files["lua/zero.lua"] = std::string("\0", 1);
    const auto text = boost::json::serialize(files_json(files));
    REQUIRE(files_of(boost::json::parse(text)).value() == files);
}

TEST_CASE("what is no policy's file, or no content, is refused by its name")
{
    const auto refusal = [](const char* text) { return files_of(boost::json::parse(text)).error().describe(); };
    REQUIRE(refusal(R"({"tls/mx.key": ""})") == "tls/mx.key: is no file of a policy");
    REQUIRE(refusal(R"({"../node.yaml": ""})") == "../node.yaml: is no file of a policy");
    REQUIRE(refusal(R"({"node.yaml": 1})") == "node.yaml: must be text, or {\"base64\": \"...\"} with whole base64");
    for (const auto* wrong : {"=", "====", "AAA", "A===", "AA*=", "\xC3\xA9"})
        REQUIRE(!files_of({{"node.yaml", {{"base64", wrong}}}}));
    REQUIRE(!files_of(boost::json::array{}));
}
