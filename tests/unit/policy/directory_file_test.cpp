// The file that `postern directory import` reads.
#include "policy/directory_file.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>

using namespace postern;
using namespace postern::policy;
using vocabulary::EntryKind;
using vocabulary::EntryStatus;

TEST_CASE("the demo's directory is read, with kinds, owners and lines")
{
    const auto file = read_directory_file(std::string(POSTERN_SOURCE_DIR) + "/rules/directory.yaml");
    INFO(render(file.diagnostics, "rules"));
    REQUIRE(file.diagnostics.empty());
    CHECK(file.document.file == "directory.yaml");
    REQUIRE(file.document.organisations.size() == 5);
    const auto& greenstone = file.document.organisations.front();
    CHECK(greenstone.id == "greenstone");
    REQUIRE_FALSE(greenstone.entries.empty());
    const auto& eric = greenstone.entries.front();
    CHECK(eric.entry.address.text() == "eric.brown@greenstonechambers.co.uk");
    CHECK(eric.entry.organisation == "greenstone");
    CHECK(eric.entry.kind == EntryKind::user);
    CHECK(eric.entry.status == EntryStatus::active);
    CHECK(eric.line > 10);
    const auto& clerks = greenstone.entries.back();
    CHECK(clerks.entry.kind == EntryKind::function);
    CHECK(clerks.entry.function == "clerks");
    CHECK(clerks.entry.name == "clerks");
    CHECK(clerks.entry.owner == "eric.brown@greenstonechambers.co.uk");
}

TEST_CASE("status, ex-directory and where somebody moved to are read")
{
    const auto file = parse_directory_file(
        "organisations:\n"
        "  smith:\n"
        "    users:\n"
        "      - address: a@smith.example\n"
        "        name: A\n"
        "        status: removed\n"
        "        moved_to: a@jones.example\n"
        "        ex_directory: true\n"
        "  jones: {}\n",
        "d.yaml");
    REQUIRE(file.diagnostics.empty());
    REQUIRE(file.document.organisations.size() == 2);
    const auto& entry = file.document.organisations[0].entries.at(0);
    CHECK(entry.line == 4);
    CHECK(entry.entry.status == EntryStatus::removed);
    CHECK(entry.entry.moved_to == "a@jones.example");
    CHECK(entry.entry.ex_directory);
    CHECK(file.document.organisations[1].entries.empty());
}

TEST_CASE("lists, groups, details and non-secure addresses are read")
{
    const auto file = parse_directory_file(
        "organisations:\n"
        "  smith:\n"
        "    users:\n"
        "      - { address: a@smith.example, name: A, non_secure: a@outside.example, details: { telephone: '+44 1', "
        "room: 2 } }\n"
        "    groups:\n"
        "      - address: admin@smith.example\n"
        "        name: Admin\n"
        "        owner: a@smith.example\n"
        "        members: [{ address: z@smith.example, may: [mail] }, { address: a@smith.example, may: [read, write] "
        "}]\n"
        "    lists:\n"
        "      - { address: all@smith.example, name: All, owner: a@smith.example, senders: [b@smith.example],\n"
        "          members: [a@smith.example, x@jones.example] }\n"
        "      - { address: few@smith.example, name: Few, owner: a@smith.example, senders: organisation }\n",
        "d.yaml");
    INFO(render(file.diagnostics, ""));
    REQUIRE(file.diagnostics.empty());
    const auto& entries = file.document.organisations.at(0).entries;
    REQUIRE(entries.size() == 4);
    CHECK(entries[0].entry.non_secure == "a@outside.example");
    CHECK(entries[0].entry.details.at("telephone") == "+44 1");
    REQUIRE(entries[1].entry.members.size() == 2);
    CHECK(entries[1].entry.members[0].address == "a@smith.example");  // by address, as the directory keeps them
    CHECK(entries[1].entry.members[0].write);
    CHECK(entries[1].entry.members[1].mail);
    CHECK(entries[2].entry.kind == EntryKind::list);
    CHECK(entries[2].entry.named_senders == std::vector<std::string>{"b@smith.example"});
    CHECK(entries[2].entry.members.size() == 2);
    CHECK(entries[3].entry.senders == vocabulary::ListSenders::organisation);
}

TEST_CASE("everything that is wrong with a directory file is said at once, with its place")
{
    const auto file = parse_directory_file(
        "organisations:\n"
        "  Smith Ltd:\n"
        "    users:\n"
        "      - { address: nobody, name: A }\n"
        "      - { adress: a@smith.example, name: A }\n"
        "      - { address: b@smith.example, name: B, status: activ }\n"
        "    functions:\n"
        "      - { address: c@smith.example, function: desk }\n"
        "    people: []\n"
        "  jones: text\n"
        "more: 1\n",
        "d.yaml");
    const auto shown = render(file.diagnostics, "");
    INFO(shown);
    for (const auto* part : {"d.yaml:2:3: \"Smith Ltd\" is no id", "d.yaml:4:20: \"nobody\" is not an address",
                             "d.yaml:5:11: unknown key \"adress\"", "did you mean \"address\"?",
                             "\"activ\" is no value of \"status\"", "\"owner\" is missing in \"function\"",
                             "unknown key \"people\"", "d.yaml:10:10: \"jones\" is a map", "unknown key \"more\""})
        CHECK(shown.find(part) != std::string::npos);
}

TEST_CASE("a directory file without organisations, or that is not there, is an error")
{
    for (const auto* text : {"", "organisations:\n", "organisations: []\n", "[]\n", "text\n", "a: [\n"})
        CHECK(has_errors(parse_directory_file(text, "d.yaml").diagnostics));
    const auto missing = read_directory_file("/nonexistent/d.yaml");
    REQUIRE(missing.diagnostics.size() == 1);
    CHECK(missing.diagnostics.front().file == "d.yaml");
}

TEST_CASE("a directory file of many thousands is read")
{
    std::string text = "organisations:\n  smith:\n    users:\n";
    const std::size_t count = 20'000;
    for (std::size_t i = 0; i < count; ++i)
        text += fmt::format(
            "      - {{ address: first{0}.last{0}@smith.example, name: First Last {0}, status: active }}\n", i);
    const auto start = std::chrono::steady_clock::now();
    const auto file = parse_directory_file(text, "d.yaml");
    const auto spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    CHECK(file.diagnostics.empty());
    CHECK(file.document.organisations.at(0).entries.size() == count);
    std::cout << fmt::format("directory file: {} entries, {} bytes in {:.2f} s\n", count, text.size(), spent);
}
