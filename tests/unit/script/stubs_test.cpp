// The stubs in the tree are those of the engine, and everything in them is really there.
#include "script/api.hpp"
#include "scripts.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace postern;
using namespace postern::script::test;

TEST_CASE("lua/api/postern.lua is what the engine's table says")
{
    const std::string path = std::string(POSTERN_SOURCE_DIR) + "/lua/api/postern.lua";
    if (std::getenv("POSTERN_WRITE_STUBS") != nullptr) std::ofstream(path, std::ios::binary) << script::stubs();
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    // To make it again: POSTERN_WRITE_STUBS=1 build/asan/bin/test_script
    CHECK(text.str() == script::stubs());
}

TEST_CASE("the actions in Lua are those of the vocabulary, in its order")
{
    const auto actions = vocabulary::actions();
    const auto constructors = script::constructors();
    REQUIRE(constructors.size() == actions.size());
    for (std::size_t i = 0; i < actions.size(); ++i) {
        CHECK(constructors[i].action == actions[i].id);
        CHECK(holds("type(postern." + std::string(actions[i].name) + ") == 'function'"));
    }
}

TEST_CASE("every helper, field and method of the stubs can be reached by a script")
{
    for (const auto& helper : script::helpers())
        CHECK(holds("type(postern." + std::string(helper.name) + ") == 'function'"));
    const std::vector<std::string> objects{"message",
                                           "message.headers",
                                           "message.connection",
                                           "message.sender",
                                           "message.sender.organisation",
                                           "message.attachments[1]",
                                           "message.policy",
                                           "message.time"};
    const auto classes = script::classes();
    REQUIRE(classes.size() == objects.size() + 1);
    for (std::size_t i = 0; i < objects.size(); ++i)
        for (const auto& member : classes[i].members) {
            const auto field = "(" + objects[i] + ")." + std::string(member.name);
            CHECK(holds(member.method ? "type(" + field + ") == 'function'" : "select('#', " + field + ") == 1"));
        }
    // The last is what scripts of alerts.yaml are asked about instead of a message.
    const vocabulary::Event event{vocabulary::EventId::virus_found, "object", "text", Instant{}, false, {}};
    for (const auto& member : classes.back().members) {
        const auto field = "event." + std::string(member.name);
        const auto asks = member.method ? "type(" + field + ") == 'function'" : "select('#', " + field + ") == 1";
        const Scripts scripts(sources_of("rule.lua", "return function(event) return " + asks + " end\n"));
        CHECK(scripts.run(event).holds == true);
    }
    for (const auto& member : script::table_class().members)
        CHECK(holds("type(postern.table('words')." + std::string(member.name) + ") == 'function'"));
}
