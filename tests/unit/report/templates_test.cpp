#include "report/templates.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace postern;
using report::Kind;
using report::parse_template;
using report::Templates;

namespace {

struct Folder {
    std::string path = "/tmp/postern-templates-XXXXXX";
    Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path + "/" + name) << text; }
};

std::string complaint(const std::string& text)
{
    const auto made = parse_template(text, "failure.txt");
    return made ? "none" : made.error().detail();
}

}  // namespace

TEST_CASE("every kind of report has a built-in text")
{
    for (const Kind kind : {Kind::failure, Kind::delay, Kind::relayed, Kind::delivered}) {
        CHECK_FALSE(Templates::built_in().of(kind).subject.empty());
        CHECK_FALSE(Templates::built_in().of(kind).text.empty());
    }
}

TEST_CASE("a file of the policy takes the place of a built-in text")
{
    const Folder folder;
    folder.write("delay.txt", "Subject: Late: {{subject}}\n\n{{#recipients}}{{address}}\n{{/recipients}}");
    const auto templates = Templates::load(folder.path);
    REQUIRE(templates);
    CHECK(templates->of(Kind::delay).subject == "Late: {{subject}}");
    CHECK(templates->of(Kind::failure).subject == Templates::built_in().of(Kind::failure).subject);
    CHECK(Templates::load(folder.path + "/nowhere"));
}

TEST_CASE("a template with a fault is refused with file, line and column")
{
    CHECK(complaint("Subject: x\n\nHello {{adress}}\n") ==
          "failure.txt:3:7: unknown value \"adress\"; did you mean \"address\"?");
    CHECK(complaint("Hello\n") ==
          "failure.txt:1:1: the first line must be \"Subject: ...\"\n"
          "failure.txt:2:1: there is no text below the Subject line");
    CHECK(complaint("Subject: x\nHello\n") == "failure.txt:2:1: an empty line must follow the Subject line");
    CHECK(complaint("Subject: x\n\n{{> other}}\n") ==
          "failure.txt:3:1: partials and other delimiters are not supported");
    CHECK(complaint("Subject: x\n\n{{address\n") ==
          "failure.txt:3:1: this tag is not closed; write }} behind the name");
    CHECK(complaint("Subject: x\n\n{{#recipients}}\n") != "none");
    CHECK(complaint("Subject: x\n\n\xFF\n") == "failure.txt:1:1: it is not UTF-8");
    CHECK(complaint("Subject: x\n\n" + std::string(70'000, 'x')) == "failure.txt:1:1: it is longer than 64 KiB");
    CHECK(complaint("Subject: x\n\n{{! a comment }}{{{address}}} {{&reply}}\n") == "none");
}

TEST_CASE("the faults of all files are told at once")
{
    const Folder folder;
    folder.write("delay.txt", "x\n");
    folder.write("failure.txt", "Subject: x\n\n{{nothing_known}}\n");
    const auto templates = Templates::load(folder.path);
    REQUIRE_FALSE(templates);
    CHECK(templates.error().detail().find("delay.txt:1:1:") != std::string::npos);
    CHECK(templates.error().detail().find("failure.txt:3:1:") != std::string::npos);
}
