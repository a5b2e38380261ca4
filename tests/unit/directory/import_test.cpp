// An import makes the directory what the document says, all or nothing.
#include "support.hpp"

#include <fmt/format.h>
#include <chrono>
#include <iostream>

namespace {

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;

std::string text_of(const std::vector<ImportProblem>& problems)
{
    std::string text;
    for (const auto& problem : problems) text += fmt::format("{}: {}\n", problem.line, problem.what);
    return text;
}

std::vector<DirectoryEntry> people(std::size_t count, const std::string& organisation)
{
    std::vector<DirectoryEntry> entries;
    for (std::size_t i = 0; i < count; ++i) {
        entries.push_back(
            user(fmt::format("First{}.Last{}@{}.example", i * 7919 % count, i, organisation), organisation));
        entries.back().details = {{"telephone", fmt::format("+44 {}", i)}};
    }
    return entries;
}

double seconds_of(const std::function<void()>& work)
{
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("the difference names what is added, changed with its fields, removed and unchanged")
{
    const Folder folder;
    const auto directory = opened(folder);
    applied(*directory,
            document("greenstone", {user("stays@g.example", "greenstone"), user("goes@g.example", "greenstone"),
                                    user("differs@g.example", "greenstone")}));
    auto differs = user("Differs@g.example", "greenstone", EntryStatus::suspended);
    differs.name = "Another Name";
    const auto next =
        document("greenstone", {user("stays@g.example", "greenstone"), differs, user("comes@g.example", "greenstone")});

    const auto planned = wait_for(directory->plan(next, anything_goes));
    REQUIRE(planned);
    REQUIRE(planned->valid());
    CHECK(planned->unchanged == 1);
    REQUIRE(planned->added.size() == 1);
    CHECK(planned->added[0].address.text() == "comes@g.example");
    REQUIRE(planned->removed.size() == 1);
    CHECK(planned->removed[0].address.text() == "goes@g.example");
    REQUIRE(planned->changed.size() == 1);
    std::vector<std::string> fields;
    for (const auto& field : planned->changed[0].fields) fields.push_back(field.field);
    CHECK(fields == std::vector<std::string>{"address", "status", "name"});
    CHECK(planned->changed[0].fields[1].before == "active");
    CHECK(planned->changed[0].fields[1].after == "suspended");

    CHECK(found(*directory, "comes@g.example") == nullptr);  // a plan writes nothing
    CHECK(applied(*directory, next).changed.size() == 1);
    CHECK(found(*directory, "comes@g.example") != nullptr);
    CHECK(found(*directory, "goes@g.example")->status == EntryStatus::removed);
    CHECK(found(*directory, "differs@g.example")->address.text() == "Differs@g.example");
    CHECK(applied(*directory, next).empty());  // once more changes nothing
}

TEST_CASE("organisations that the document does not name stay as they are")
{
    const Folder folder;
    const auto directory = opened(folder);
    applied(*directory, document("smith", {user("office@smith.example", "smith")}));
    applied(*directory, document("greenstone", {user("eric@greenstone.example", "greenstone")}));
    CHECK(found(*directory, "office@smith.example")->status == EntryStatus::active);
}

TEST_CASE("an address has one owner: not two lines, not two organisations")
{
    const Folder folder;
    const auto directory = opened(folder);
    applied(*directory, document("smith", {user("office@smith.example", "smith")}));
    const auto difference = applied(*directory, document("greenstone", {user("eric@greenstone.example", "greenstone"),
                                                                        user("ERIC@greenstone.example", "greenstone"),
                                                                        user("Office@smith.example", "greenstone")}));
    REQUIRE_FALSE(difference.valid());
    CHECK(text_of(difference.problems) ==
          "11: ERIC@greenstone.example stands already in line 10\n"
          "12: Office@smith.example belongs to smith already; an address has one owner\n");
    CHECK(found(*directory, "eric@greenstone.example") == nullptr);
    CHECK(found(*directory, "office@smith.example")->organisation == "smith");
}

TEST_CASE("an address moves when both organisations say so, or when the old one gave it up")
{
    const Folder folder;
    const auto directory = opened(folder);
    applied(*directory, document("smith", {user("office@smith.example", "smith")}));
    auto both = document("smith", {});
    both.organisations.push_back({"greenstone", 5, {{user("office@smith.example", "greenstone"), 6}}});
    const auto moved = applied(*directory, both);
    REQUIRE(moved.valid());
    CHECK(moved.removed.empty());
    CHECK(found(*directory, "office@smith.example")->organisation == "greenstone");

    applied(*directory, document("greenstone", {}));
    REQUIRE(applied(*directory, document("smith", {user("office@smith.example", "smith")})).valid());
    CHECK(found(*directory, "office@smith.example")->organisation == "smith");
    CHECK(found(*directory, "office@smith.example")->status == EntryStatus::active);
}

TEST_CASE("all that is wrong is said at once, by line, and nothing is written")
{
    const Folder folder;
    const auto directory = opened(folder);
    auto nameless = user("desk@g.example", "greenstone");
    nameless.kind = EntryKind::function;
    auto owned = user("owned@g.example", "greenstone");
    owned.owner = "eric@g.example";
    auto group = user("group@g.example", "greenstone");
    group.kind = EntryKind::group;
    group.owner = "no address";
    auto loud = user("loud@g.example", "greenstone");
    loud.name = "bell\a";
    const EntryCheck of_domain = [](const DirectoryEntry& entry) -> Result<void> {
        if (entry.address.domain().key() == "g.example") return {};
        return fault(Retry::never, "is not in a domain of greenstone");
    };
    const auto difference = wait_for(
        directory->apply(document("greenstone", {nameless, owned, group, loud, user("fine@g.example", "greenstone"),
                                                 user("x@h.example", "greenstone"), user("other@g.example", "smith")}),
                         of_domain, "a test", from_micros(1)));
    REQUIRE(difference);
    CHECK(text_of(difference->problems) ==
          "10: desk@g.example: a function needs the name of its function\n"
          "10: desk@g.example: a function or group needs an owner, who answers for it\n"
          "11: owned@g.example: a user has no owner\n"
          "12: group@g.example: the owner is not an address\n"
          "13: loud@g.example: the name is longer than 200 bytes or holds control characters\n"
          "15: x@h.example: is not in a domain of greenstone\n"
          "16: other@g.example is declared under another organisation\n");
    CHECK(found(*directory, "fine@g.example") == nullptr);
    CHECK(wait_for(directory->counts())->entries == 0);
}

TEST_CASE("counts tell what stands and who imported last")
{
    const Folder folder;
    const auto directory = opened(folder);
    auto desk = user("desk@g.example", "greenstone", EntryStatus::suspended);
    desk.kind = EntryKind::function;
    desk.function = "custody";
    desk.owner = "eric@g.example";
    applied(*directory, document("greenstone", {user("eric@g.example", "greenstone"), desk}));
    const auto counts = wait_for(directory->counts());
    REQUIRE(counts);
    CHECK(counts->entries == 2);
    CHECK(counts->active == 1);
    CHECK(counts->suspended == 1);
    CHECK(counts->users == 1);
    CHECK(counts->functions == 1);
    CHECK(counts->organisations == 1);
    CHECK(counts->last_import == from_micros(1'000'000));
    CHECK(counts->last_import_by == "a test");
}

TEST_CASE("two imports at once end as if one came after the other")
{
    const Folder folder;
    const auto directory = opened(folder);
    boost::asio::io_context context;
    std::vector<std::future<Result<Difference>>> imports;
    for (int i = 0; i < 8; ++i)
        imports.push_back(boost::asio::co_spawn(
            context,
            directory->apply(document("greenstone", {user(fmt::format("user{}@g.example", i), "greenstone")}),
                             anything_goes, "a test", from_micros(i)),
            boost::asio::use_future));
    context.run();
    for (auto& import : imports) REQUIRE(import.get());
    const auto counts = wait_for(directory->counts());
    CHECK(counts->entries == 8);
    CHECK(counts->active == 1);
}

TEST_CASE("a large import, and how fast look-ups are")
{
    const Folder folder;
    const auto directory = opened(folder);
    const std::size_t count = 20'000;
    const auto entries = people(count, "greenstone");
    const double import =
        seconds_of([&] { CHECK(applied(*directory, document("greenstone", entries)).added.size() == count); });
    const double again =
        seconds_of([&] { CHECK(applied(*directory, document("greenstone", entries)).unchanged == count); });
    CHECK(import < 12.0);  // 100,000 in a minute

    boost::asio::io_context context;
    double disk = 0, memory = 0;
    auto ask_all = [&]() -> boost::asio::awaitable<void> {
        for (double* spent : {&disk, &memory}) {
            const auto start = std::chrono::steady_clock::now();
            for (const auto& entry : entries)
                if (auto answer = co_await directory->find(entry.address); !answer || !*answer)
                    throw std::runtime_error("lost");
            *spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        }
    };
    auto done = boost::asio::co_spawn(context, ask_all(), boost::asio::use_future);
    context.run();
    done.get();
    std::size_t hits = 0;
    const double cached = seconds_of([&] {
        for (const auto& entry : entries) hits += directory->cached(entry.address.key()).has_value() ? 1U : 0U;
    });
    const double similar = seconds_of(
        [&] { CHECK(wait_for(directory->similar(address("first1.lst1@greenstone.example"), "greenstone", 3))); });
    CHECK(hits == entries.size());
    const double per_call = 1e6 / static_cast<double>(count);
    std::cout << fmt::format(
        "directory: import of {} in {:.2f} s, again {:.2f} s; find from disk {:.1f} us, from memory "
        "{:.2f} us, cached() {:.2f} us; similar {:.1f} ms\n",
        count, import, again, disk * per_call, memory * per_call, cached * per_call, similar * 1e3);
}
