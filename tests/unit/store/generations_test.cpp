// Rows of the archive of generations: what is kept comes back, also after a restart.
#include "fixture.hpp"

using namespace postern;
using namespace postern::store;
using namespace postern::store::test;

namespace {

GenerationRecord record(std::uint64_t number)
{
    return {.number = number,
            .hash = "aa",
            .at = noon,
            .author = "ann",
            .arrival = Arrival::rollback,
            .comment = "as it was",
            .repeats = 1,
            .trial = Trial::running,
            .tree = std::string(32, '\0')};
}

}  // namespace

TEST_CASE("a generation's row comes back as it was kept, also after a restart")
{
    Opened spool;
    REQUIRE(value_of(spool.store->newest_generation()) == 0);
    REQUIRE(spool.store->add_generation(record(7)));
    REQUIRE(spool.store->end_trial(7, Trial::confirmed));
    spool.open();
    REQUIRE(value_of(spool.store->newest_generation()) == 7);
    const auto all = value_of(spool.store->generations_now());
    REQUIRE(all.size() == 1);
    const auto& kept = all.front();
    REQUIRE((kept.number == 7 && kept.hash == "aa" && kept.at == noon && kept.author == "ann"));
    REQUIRE((kept.arrival == Arrival::rollback && kept.comment == "as it was" && kept.repeats == 1));
    REQUIRE((kept.trial == Trial::confirmed && kept.tree == std::string(32, '\0')));
    REQUIRE(!spool.store->add_generation(record(7)));
    REQUIRE(spool.store->drop_generations({7}));
    REQUIRE(value_of(spool.store->generations_now()).empty());
}

TEST_CASE("objects are kept once, found by digest, and dropped by digest")
{
    Opened spool;
    std::vector<PolicyObject> objects;
    for (int i = 0; i < 450; ++i)  // more than one transaction takes
        objects.push_back({std::string(31, 'd') + static_cast<char>(i % 256) + std::to_string(i), std::to_string(i)});
    REQUIRE(spool.store->keep_objects(objects));
    REQUIRE(spool.store->keep_objects({{objects.front().digest, "other"}}));
    REQUIRE(value_of(spool.store->object_digests()).size() == 450);
    const auto found = value_of(spool.store->objects_now({objects.front().digest, "unknown", objects.back().digest}));
    REQUIRE(found.size() == 2);
    REQUIRE(found.front().bytes == "0");
    REQUIRE(found.back().bytes == "449");
    REQUIRE(spool.store->drop_objects({objects.front().digest}));
    REQUIRE(value_of(spool.store->object_digests()).size() == 449);
}
