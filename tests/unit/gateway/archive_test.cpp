// The archive of generations: whole, once each, and bounded.
#include "gateway/archive.hpp"

#include <openssl/evp.h>
#include <stdlib.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <filesystem>

using namespace postern;
using gateway::Archive;

namespace {

constexpr Instant noon = Instant(std::chrono::seconds(1'800'000'000));

std::string sha256(std::string_view bytes)
{
    std::string digest(32, '\0');
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
               nullptr);
    return digest;
}

struct Files {
    explicit Files(policy::FileSet set) : files(std::move(set))
    {
        for (const auto& [name, bytes] : files) digests.push_back(sha256(bytes));
        std::size_t at = 0;
        for (const auto& [name, bytes] : files) loaded.push_back({name, bytes, digests[at++]});
    }
    policy::FileSet files;
    std::vector<std::string> digests;
    std::vector<policy::LoadedFile> loaded;
};

policy::FileSet large_policy(std::size_t count, const std::string& first = "one")
{
    policy::FileSet set{{"node.yaml", "name: mx.example\n"}};
    for (std::size_t n = 0; n < count; ++n)
        set["organisations/" + std::to_string(n) + ".yaml"] = n == 0 ? first : "number: " + std::to_string(n);
    return set;
}

struct Opened {
    Opened()
    {
        std::string name = (std::filesystem::temp_directory_path() / "postern-archive-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()));
        folder = name;
        open();
    }
    ~Opened()
    {
        store.reset();
        std::filesystem::remove_all(folder);
    }
    void open()
    {
        archive.reset();
        store.reset();
        auto opened = store::MailStore::open({.directory = folder / "spool"});
        REQUIRE(opened);
        store = std::move(*opened);
        archive = std::make_unique<Archive>(*store);
        auto begun = archive->open();
        REQUIRE(begun);
        interrupted = *begun;
    }
    void keep(std::uint64_t number, const policy::FileSet& files, Instant at = noon,
              store::Trial trial = store::Trial::none)
    {
        const Files given(files);
        REQUIRE(archive->keep(given.loaded, {.number = number,
                                             .hash = sha256(std::to_string(files.size())),
                                             .at = at,
                                             .author = "ann",
                                             .trial = trial}));
    }
    [[nodiscard]] std::size_t objects() const { return store->object_digests().value().size(); }

    std::filesystem::path folder;
    std::unique_ptr<store::MailStore> store;
    std::unique_ptr<Archive> archive;
    std::optional<store::GenerationRecord> interrupted;
};

}  // namespace

TEST_CASE("an archived generation comes back whole, small or large, also after a restart")
{
    Opened opened;
    const policy::FileSet small{
        {"node.yaml", "name: a\n"}, {"lua/x.lua", std::string("\0\xFF", 2)}, {"tests/e.yaml", ""}};
    const auto large = large_policy(1000);
    opened.keep(1, small);
    opened.keep(2, large);
    opened.open();
    REQUIRE(opened.archive->newest().number == 2);
    REQUIRE(opened.archive->files(1).value() == small);
    REQUIRE(opened.archive->files(2).value() == large);

    boost::asio::io_context io;
    auto read = boost::asio::co_spawn(io, Archive::read(*opened.store, 2), boost::asio::use_future);
    io.run();
    REQUIRE(read.get().value() == large);
}

TEST_CASE("what generations share is kept once")
{
    Opened opened;
    opened.keep(1, large_policy(1000));
    const auto before = opened.objects();
    opened.keep(2, large_policy(1000, "two"));
    REQUIRE(opened.objects() == before + 3);  // the file, the list that it is in, the list of lists
    opened.open();
    opened.keep(3, large_policy(1000));
    REQUIRE(opened.objects() == before + 3);
    REQUIRE(opened.archive->files(2).value() == large_policy(1000, "two"));
}

TEST_CASE("a generation that is not there, or was never archived, is a fault that says so")
{
    Opened opened;
    REQUIRE(opened.archive->files(7).error().retry() == Retry::never);
    REQUIRE(opened.store->add_generation({.number = 7, .hash = "x", .at = noon, .author = "ann"}));
    const auto fault = opened.archive->files(7).error();
    REQUIRE(fault.describe().find("the files of generation 7 were not archived") != std::string::npos);
}

TEST_CASE("what is old goes with its files; the newest stay however old, and what went out of force lately")
{
    Opened opened;
    const auto day = [](int n) { return noon + std::chrono::days(n); };
    const gateway::ArchiveKeeps keeps{.age = std::chrono::days(30), .at_least = 2, .at_most = 100};
    opened.keep(1, large_policy(1), day(0));
    opened.keep(2, large_policy(2), day(1));
    opened.keep(3, large_policy(3), day(90));  // until then 2 was in force
    opened.keep(4, large_policy(4), day(91));
    REQUIRE(opened.archive->prune(day(100), keeps));
    REQUIRE(!opened.archive->files(1));
    for (const std::uint64_t kept : {2U, 3U, 4U}) REQUIRE(opened.archive->files(kept));
    REQUIRE(opened.archive->prune(day(1000), keeps));
    REQUIRE(!opened.archive->files(2));
    REQUIRE(opened.archive->files(3).value() == large_policy(3));
    REQUIRE(opened.archive->files(4).value() == large_policy(4));
    REQUIRE(opened.objects() == 2 + 5);  // two lists; node.yaml and four organisations
    REQUIRE(opened.archive->prune(day(100), {.age = std::chrono::days(3000), .at_least = 1, .at_most = 1}));
    REQUIRE(!opened.archive->files(3));
    REQUIRE(opened.archive->files(4).value() == large_policy(4));
}

TEST_CASE("a trial does not stand until it is confirmed, and one that a crash interrupted is named")
{
    Opened opened;
    opened.keep(1, large_policy(1));
    opened.keep(2, large_policy(2), noon, store::Trial::running);
    REQUIRE(opened.archive->newest().number == 2);
    REQUIRE(opened.archive->standing().number == 1);
    opened.open();
    REQUIRE(opened.interrupted);
    REQUIRE(opened.interrupted->number == 2);
    REQUIRE(opened.archive->standing().number == 1);
    REQUIRE(opened.archive->end_trial(2, store::Trial::not_confirmed));
    opened.open();
    REQUIRE(!opened.interrupted);
    REQUIRE(opened.archive->standing().number == 1);
    opened.keep(3, large_policy(3), noon, store::Trial::running);
    REQUIRE(opened.archive->end_trial(3, store::Trial::confirmed));
    REQUIRE(opened.archive->standing().number == 3);
}

TEST_CASE("a damaged list is a fault, not a crash")
{
    const Files files(large_policy(3));
    const auto tree = gateway::make_tree(files.loaded);
    const auto& bytes = tree.lists.back().bytes;
    REQUIRE(gateway::read_list(bytes).value().size() == 4);
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        const auto read = gateway::read_list(std::string_view(bytes).substr(0, size));
        if (read) REQUIRE(read->size() < 4);
    }
    REQUIRE(!gateway::read_list("x"));
    REQUIRE(!gateway::read_list("t" + std::string(31, 'a')));
}
