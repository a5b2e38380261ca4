// The directory as spreadsheets write it.
#include "support.hpp"

#include "directory/csv_file.hpp"

using namespace postern;
using namespace postern::directory;
using namespace postern::directory::test;
using vocabulary::ListSenders;

namespace {

CsvDocument parsed(std::string_view text, std::string_view organisation = {})
{
    return parse_directory_csv(text, "people.csv", organisation);
}

std::string told(const CsvDocument& read)
{
    std::string text;
    for (const auto& problem : read.problems) text += std::to_string(problem.line) + ": " + problem.what + "\n";
    return text;
}

const DirectoryEntry& only(const CsvDocument& read)
{
    INFO(told(read));
    REQUIRE(read.problems.empty());
    REQUIRE(read.document.organisations.size() == 1);
    REQUIRE(read.document.organisations[0].entries.size() == 1);
    return read.document.organisations[0].entries[0].entry;
}

}  // namespace

TEST_CASE("a row is an entry; a column that nobody knows is a detail of that name")
{
    const auto read = parsed(
        "\xEF\xBB\xBForganisation,address,name,telephone,Room\r\n"
        "greenstone,eric@g.example,\"Brown, Eric \"\"EB\"\"\",+44 1904 555 123,\"2nd floor\nleft\"\r\n");
    INFO(told(read));
    REQUIRE(read.document.organisations.size() == 1);
    const auto& entry = read.document.organisations[0].entries[0];
    CHECK(entry.line == 2);
    CHECK(entry.entry.name == "Brown, Eric \"EB\"");
    CHECK(entry.entry.details.at("telephone") == "+44 1904 555 123");
    CHECK(entry.entry.details.at("Room") == "2nd floor\nleft");
}

TEST_CASE("groups say who may what, lists who may send")
{
    const auto group = parsed(
        "organisation,kind,address,name,owner,members\ns,group,admin@s.example,Admin,o@s.example,"
        "o@s.example:rwm a@s.example:r\n");
    REQUIRE(only(group).members.size() == 2);
    CHECK(only(group).members[0].address == "a@s.example");
    CHECK_FALSE(only(group).members[0].mail);
    CHECK(only(group).members[1].mail);
    const auto list = parsed(
        "organisation,kind,address,name,owner,members,senders\ns,list,all@s.example,All,o@s.example,"
        "x@s.example y@t.example,o@s.example z@s.example\n");
    CHECK(only(list).senders == ListSenders::named);
    CHECK(only(list).named_senders == std::vector<std::string>{"o@s.example", "z@s.example"});
}

TEST_CASE("what is printed is read back the same, formulas among it")
{
    auto eric = user("eric@g.example", "greenstone", EntryStatus::invited);
    eric.name = "Eric, \"the\" Brown";
    eric.non_secure = "eric@outside.example";
    eric.details = {{"telephone", "+44 1904 555 123"}, {"note", "=A1"}};
    auto all = list("all@g.example", "greenstone", "eric@g.example", {"eric@g.example", "x@h.example"});
    all.senders = ListSenders::organisation;
    auto admin = group("admin@g.example", "greenstone", "eric@g.example");
    admin.members = {{"eric@g.example", true, false, true}};
    const std::vector<DirectoryEntry> entries{eric, all, admin};
    const auto text = print_directory_csv(entries);
    CHECK(text.find("'=A1") != std::string::npos);
    const auto read = parsed(text);
    INFO(told(read));
    REQUIRE(read.document.organisations.size() == 1);
    std::vector<DirectoryEntry> back;
    for (const auto& one : read.document.organisations[0].entries) back.push_back(one.entry);
    CHECK(back == entries);
}

TEST_CASE("a cell that a spreadsheet would run is refused with its place and the way out")
{
    for (const char* evil :
         {"=cmd|' /C calc'!A0", "@SUM(1)", "+1+cmd", "-2+3+cmd", "\"=HYPERLINK(\"\"http://x\"\")\""}) {
        const auto read = parsed(std::string("organisation,address,name\ng,a@g.example,") + evil + "\n");
        REQUIRE(read.problems.size() == 1);
        CHECK(read.problems[0].line == 2);
        CHECK(read.problems[0].what.find("formula") != std::string::npos);
    }
}

TEST_CASE("what is no CSV in UTF-8 is refused with the line")
{
    CHECK(told(parsed("organisation,address,name\ng,a@g.example,Fran\xE7ois\n")) ==
          "2: this is not UTF-8; save the file as \"CSV UTF-8\"\n");
    CHECK(told(parsed("\xFF\xFEo\0r\0")).find("UTF-16") != std::string::npos);
    CHECK(told(parsed("organisation,address,name\ng,a@g.example,\"Open\n\n")) ==
          "2: the quote that opens here is never closed\n");
    CHECK(told(parsed("organisation,address,name\ng,a@g.example,Brown, Eric\n")).find("4 cells") != std::string::npos);
    CHECK(told(parsed("")).find("empty") != std::string::npos);
    CHECK(told(parsed("adress,name\n")).find("did you mean \"address\"?") != std::string::npos);
    CHECK(told(parsed("address,name\na@g.example,A\n")).find("organisation") != std::string::npos);
    CHECK(told(parsed("address,name,name\n", "g")).find("stands twice") != std::string::npos);
    CHECK(told(parsed("address,name,status\na@g.example,A,gone\n", "g")) ==
          "2: status: \"gone\" is not one of invited, active, suspended, removed\n");
    CHECK(parsed("address,name\na@g.example,A\n", "g").problems.empty());
}

TEST_CASE("duplicates in a file are told with both lines when it is compared")
{
    const Folder folder;
    const auto directory = opened(folder);
    const auto read = parsed("address,name\na@g.example,A\nb@g.example,B\nA@g.example,Another\n", "greenstone");
    REQUIRE(read.problems.empty());
    const auto difference = applied(*directory, read.document);
    REQUIRE(difference.problems.size() == 1);
    CHECK(difference.problems[0].line == 4);
    CHECK(difference.problems[0].what == "A@g.example stands already in line 2");
}
