#include "policy/difference.hpp"

#include <catch2/catch.hpp>
#include <algorithm>

using namespace postern::policy;

namespace {

std::string text_of(const FileSet& before, const FileSet& after)
{
    return difference_text(difference(before, after));
}

}  // namespace

TEST_CASE("the same policy has no difference, however it is laid out", "[difference]")
{
    const FileSet before{{"limits.yaml", "message_size: 10 MiB\nrecipients: 200\n"}};
    const FileSet after{{"limits.yaml", "# why\nrecipients: 200\nmessage_size: 10 MiB\n"}};
    REQUIRE(text_of(before, after).empty());
}

TEST_CASE("a changed key is told with both values and places", "[difference]")
{
    const FileSet before{{"organisations/a.yaml", "organisation: a\nlimits: { message_size: 4 MiB }\n"}};
    const FileSet after{{"organisations/a.yaml", "organisation: a\nname: A\nlimits:\n  message_size: 5 MiB\n"}};
    REQUIRE(text_of(before, after) ==
            "+ organisation a: name A   [organisations/a.yaml:2]\n"
            "~ organisation a: limits.message_size 4 MiB -> 5 MiB   [organisations/a.yaml:2 -> "
            "organisations/a.yaml:4]\n");
}

TEST_CASE("rules are told apart by their names: added, removed, changed, moved", "[difference]")
{
    const FileSet before{
        {"content.yaml", "rules:\n  - { name: one, then: accept }\n  - { name: two, then: hold }\n  - { name: three, then: "
                         "accept }\n"}};
    const FileSet after{
        {"content.yaml", "rules:\n  - { name: three, then: accept }\n  - { name: one, then: { reject: \"No\" } }\n  - { name: "
                         "four, then: accept }\n"}};
    const auto changes = difference(before, after);
    const auto has = [&](Change::Kind kind, const char* what) {
        return std::any_of(changes.begin(), changes.end(),
                           [&](const Change& change) { return change.kind == kind && change.what == what; });
    };
    REQUIRE(changes.size() == 4);
    REQUIRE(has(Change::Kind::added, "rule four"));
    REQUIRE(has(Change::Kind::removed, "rule two"));
    REQUIRE(has(Change::Kind::changed, "rule one"));
    REQUIRE((has(Change::Kind::moved, "rule three") || has(Change::Kind::moved, "rule one")));
}

TEST_CASE("the order of a rule's actions counts", "[difference]")
{
    const FileSet before{{"content.yaml", "rules:\n  - name: a\n    then: { tag_subject: X, annotate: Y }\n"}};
    const FileSet after{{"content.yaml", "rules:\n  - name: a\n    then: { annotate: Y, tag_subject: X }\n"}};
    REQUIRE(text_of(before, after) ==
            "~ rule a: then {tag_subject: X, annotate: Y} -> {annotate: Y, tag_subject: X}   [content.yaml:3]\n");
}

TEST_CASE("files that came and went are told as what they declare", "[difference]")
{
    const FileSet before{{"lua/old.lua", "return 1\n"}, {"lua/same.lua", "a\nb\n"}};
    const FileSet after{{"lua/same.lua", "a\nc\nd\n"}, {"organisations/b.yaml", "organisation: bee\n"}};
    REQUIRE(text_of(before, after) ==
            "- script old.lua   [lua/old.lua]\n"
            "~ script same.lua 1 lines went, 2 came   [lua/same.lua]\n"
            "+ organisation bee   [organisations/b.yaml]\n");
}

TEST_CASE("a file that is no YAML is compared by its lines", "[difference]")
{
    REQUIRE(text_of({{"node.yaml", "a: [\n"}}, {{"node.yaml", "a: [}\n"}}) ==
            "~ node.yaml 1 lines went, 1 came   [node.yaml]\n");
}
