#include "scan/look_inside.hpp"

#include "looks.hpp"

#include <catch2/catch.hpp>
#include <cstdio>

using namespace postern::scan;
using postern::vocabulary::PartInspection;

namespace {

struct Seen {
    PartInspection part;
    std::string ended;
    bool whole = false;
};

Seen look(const std::string& bytes, ArchiveLimits limits = {100, 10'000, 1 << 20})
{
    Seen seen;
    seen.ended = look_inside(bytes, limits, seen.part);
    seen.whole = seen.ended.empty();
    return seen;
}

const std::vector<looks::Member> two{{"list.txt", "ten o'clock"}, {"tools/setup.exe", "MZ"}};
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("types are detected from the bytes, whatever they are called")
{
    const TypeDetector types;
    CHECK(types.type_of("%PDF-1.7\n") == "application/pdf");
    CHECK(types.type_of(looks::archive_of(two, archive_write_set_format_zip)) == "application/zip");
    CHECK(types.type_of("Good morning\n") == "text/plain");
    CHECK(types.type_of("") == "application/x-empty");
}

TEST_CASE("archives tell what they hold")
{
    const Names names{"list.txt", "tools/setup.exe"};
    CHECK(look(looks::archive_of(two, archive_write_set_format_zip)).part.members == names);
    CHECK(look(looks::archive_of(two, archive_write_set_format_7zip)).part.members == names);
    CHECK(look(looks::archive_of(two, archive_write_set_format_ustar, archive_write_add_filter_gzip)).part.members ==
          names);
    CHECK(look(looks::archive_of(two, archive_write_set_format_ustar, archive_write_add_filter_xz)).part.members ==
          names);
    CHECK(look(looks::archive_of(two, archive_write_set_format_iso9660)).part.members.size() >= 2);
}

TEST_CASE("what is no archive is neither broken nor encrypted")
{
    for (const std::string& bytes : {std::string(), std::string("Good morning\n"), std::string(5000, 'x'),
                                     std::string("%PDF-1.7\n"), std::string(600, '\0')}) {
        const auto seen = look(bytes);
        CHECK(seen.part.members.empty());
        CHECK_FALSE(seen.part.broken);
        CHECK_FALSE(seen.part.encrypted);
        CHECK(seen.whole);
    }
}

TEST_CASE("encrypted and broken archives are called so")
{
    const auto locked = look(looks::archive_of(two, archive_write_set_format_zip, archive_write_add_filter_none, "x"));
    CHECK(locked.part.encrypted);
    CHECK(locked.part.members == Names{"list.txt", "tools/setup.exe"});

    std::string noise(50'000, '\0');
    for (unsigned state = 1; char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24U);
    auto tar = looks::archive_of({{"a", noise}}, archive_write_set_format_ustar, archive_write_add_filter_gzip);
    CHECK(look(tar.substr(0, tar.size() / 2)).part.broken);
}

TEST_CASE("archives within archives tell what they hold as well, and what is wrong with them")
{
    const auto inner = looks::archive_of(two, archive_write_set_format_zip);
    const auto zip = look(looks::archive_of({{"b.dat", inner}, {"c.txt", "x"}}, archive_write_set_format_zip));
    CHECK(zip.part.members == Names{"b.dat", "c.txt", "list.txt", "tools/setup.exe"});
    CHECK_FALSE(zip.part.broken);
    const auto tar =
        look(looks::archive_of({{"b.zip", inner}}, archive_write_set_format_ustar, archive_write_add_filter_gzip));
    CHECK(tar.part.members == Names{"b.zip", "list.txt", "tools/setup.exe"});

    const auto cut = inner.substr(0, inner.size() / 2);
    CHECK(look(looks::archive_of({{"b.zip", cut}}, archive_write_set_format_zip)).part.broken);
    const auto locked = looks::archive_of(two, archive_write_set_format_zip, archive_write_add_filter_none, "x");
    CHECK(look(looks::archive_of({{"b.zip", locked}}, archive_write_set_format_zip)).part.encrypted);
    CHECK(look(looks::archive_of({{"b.pdf", "%PDF-1.7\n<< /Encrypt 5 0 R >>"}}, archive_write_set_format_zip))
              .part.encrypted);
}

TEST_CASE("archives too deep within each other, or too large to hold, end the look where names are asked for")
{
    auto deep = looks::archive_of(two, archive_write_set_format_zip);
    for (int level = 0; level < 5; ++level) deep = looks::archive_of({{"b.zip", deep}}, archive_write_set_format_zip);
    ArchiveLimits limits{100, 10'000, 1 << 20};
    CHECK(look(deep, limits).ended.empty());
    limits.depth = 4;
    CHECK(look(deep, limits).ended == "depth");
    limits.depth = 16;
    limits.held = 50;
    CHECK(look(deep, limits).ended == "size");
    limits.names = false;
    CHECK(look(deep, limits).ended.empty());
    CHECK(look(deep, limits).part.members.empty());
}

TEST_CASE("a file that can't be read hides no other file of a zip")
{
    auto zip =
        looks::archive_of({{"a.txt", std::string(1000, 'x')}, {"setup.exe", "MZ"}}, archive_write_set_format_zip);
    zip[zip.find("a.txt") + 10] ^= 0x55;
    CHECK(look(zip).part.members == Names{"a.txt", "setup.exe"});
}

TEST_CASE("a search for the next header within compressed zeros is bounded in bytes and in time")
{
    std::string cpio = "070701";
    for (const unsigned field : {1U, 0100644U, 0U, 0U, 1U, 0U, 0U, 0U, 0U, 0U, 0U, 6U, 0U}) {
        char text[9];
        std::snprintf(text, sizeof text, "%08X", field);
        cpio += text;
    }
    cpio += std::string("a.txt\0", 6);
    cpio.resize((cpio.size() + 3) / 4 * 4);
    cpio += std::string(16 << 20, '\0');
    const auto once = looks::compressed(cpio);
    CHECK(once.size() < 100'000);
    CHECK(look(once).ended == "size");
    ArchiveLimits late{100, 10'000, 1 << 30};
    late.until = std::chrono::steady_clock::now();
    CHECK(look(once, late).ended == "time");
    CHECK(look(looks::compressed(once)).ended == "depth");
    CHECK(look(looks::compressed("Good morning")).ended.empty());
}

TEST_CASE("documents with macros or a password are called so")
{
    const auto word = looks::archive_of({{"[Content_Types].xml", "<x/>"}, {"word/vbaProject.bin", "x"}},
                                        archive_write_set_format_zip);
    CHECK(look(word).part.macros);
    for (const std::string name : {"xl/macrosheets/sheet1.xml", "Basic/script-lc.xml"})
        CHECK(look(looks::archive_of({{name, "<x/>"}}, archive_write_set_format_zip)).part.macros);
    const std::string manifest = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>";
    CHECK(look(looks::archive_of({{"META-INF/manifest.xml", manifest}}, archive_write_set_format_zip)).part.encrypted);
    const std::string ole("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
    CHECK(look(ole + std::string("_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0", 24)).part.macros);
    CHECK_FALSE(look(ole + "Workbook").part.macros);
    CHECK(look(ole + std::string("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0", 32)).part.encrypted);
    CHECK(look("%PDF-1.7\n... trailer << /Encrypt 5 0 R >>").part.encrypted);
}

TEST_CASE("names, their bytes and what is unpacked for them are bounded")
{
    std::vector<looks::Member> many;
    for (int i = 0; i < 200; ++i) many.push_back({"file" + std::to_string(i), "x"});
    const auto zip = looks::archive_of(many, archive_write_set_format_zip);
    CHECK_FALSE(look(zip).whole);
    CHECK(look(zip).part.members.size() == 100);
    CHECK_FALSE(look(zip, {1000, 300, 1 << 20}).whole);

    const auto bomb = looks::archive_of({{"zeros", std::string(5 << 20, '\0')}, {"b", "b"}},
                                        archive_write_set_format_ustar, archive_write_add_filter_gzip);
    CHECK(bomb.size() < 50'000);
    CHECK_FALSE(look(bomb).whole);
    CHECK(look("", {0, 0, 0}).whole);
}
