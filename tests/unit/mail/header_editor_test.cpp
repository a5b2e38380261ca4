// Editing a header section: what is changed, and above all what is not.
#include "mail/header.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::mail;

namespace {

const std::string message =
    "Received: x\r\n\ty\r\nFrom:  Eric <eric@a.example>\r\nsubject:No space\r\nX-Old: 1\r\nTo: a@b\r\n\r\nbody\r\n";

template <class Change>
std::string edited(const std::string& content, Change change)
{
    const auto header = Header::parse(content);
    REQUIRE(header);
    HeaderEditor editor(content, *header);
    change(editor);
    return applied(content, editor.edits());
}

}  // namespace

TEST_CASE("no change gives no edits")
{
    const auto header = Header::parse(message);
    HeaderEditor editor(message, *header);
    for (std::size_t i = 0; i < editor.size(); ++i) editor.set_value(i, std::string(editor.value(i)));

    REQUIRE(editor.edits().empty());
}

TEST_CASE("a changed value touches its own bytes only")
{
    const auto header = Header::parse(message);
    HeaderEditor editor(message, *header);
    const auto from = editor.find("FROM").at(0);

    editor.set_value(from, "  Eric <eric@a.example.cjsm.net>");

    REQUIRE(editor.value(from) == "  Eric <eric@a.example.cjsm.net>");
    REQUIRE(editor.edits() == Edits{{message.find(">\r\nsubject"), 0, ".cjsm.net"}});
}

TEST_CASE("the space behind the colon stays as it was")
{
    REQUIRE(edited("A: x\r\n\r\n", [](auto& e) { e.set_value(0, "y"); }) == "A: y\r\n\r\n");
    REQUIRE(edited("A: x\r\n\r\n", [](auto& e) { e.set_value(0, " y"); }) == "A: y\r\n\r\n");
    REQUIRE(edited("A:x\r\n\r\n", [](auto& e) { e.set_value(0, "y"); }) == "A:y\r\n\r\n");
    REQUIRE(edited("A :\r\n x\r\n\r\n", [](auto& e) { e.set_value(0, "y"); }) == "A : y\r\n\r\n");
    REQUIRE(edited("A:\r\n\r\n", [](auto& e) { e.set_value(0, "y"); }) == "A:y\r\n\r\n");
}

TEST_CASE("a value set back to the original is no change")
{
    REQUIRE(edited(message, [](auto& e) {
                e.set_value(1, "other");
                e.set_value(1, "  Eric <eric@a.example>");
            }) == message);
}

TEST_CASE("removed fields are gone with their folding")
{
    const auto result = edited(message, [](auto& e) {
        e.remove(0);
        e.remove(3);
    });

    REQUIRE(result == "From:  Eric <eric@a.example>\r\nsubject:No space\r\nTo: a@b\r\n\r\nbody\r\n");
}

TEST_CASE("removed fields are found no more")
{
    const auto header = Header::parse(message);
    HeaderEditor editor(message, *header);
    editor.remove(3);

    REQUIRE(editor.removed(3));
    REQUIRE(editor.find("X-Old").empty());
    REQUIRE(editor.name(2) == "subject");
}

TEST_CASE("new fields stand in front or behind, the last one prepended first")
{
    const auto result = edited("A: b\r\n\r\nbody", [](auto& e) {
        e.append("Y", "1");
        e.append("Z", "2");
        e.prepend("Second", "s");
        e.prepend("Received", "from x\r\n\tby y");
    });

    REQUIRE(result == "Received: from x\r\n\tby y\r\nSecond: s\r\nA: b\r\nY: 1\r\nZ: 2\r\n\r\nbody");
}

TEST_CASE("all fields removed and others added")
{
    const auto change = [](auto& e) {
        for (std::size_t i = 0; i < e.size(); ++i) e.remove(i);
        e.prepend("P", "1");
        e.append("Q", "2");
    };

    REQUIRE(edited("A: b\r\nC: d\r\n\r\nbody", change) == "P: 1\r\nQ: 2\r\n\r\nbody");
    REQUIRE(edited("A: b\r\nC: d", change) == "P: 1\r\nQ: 2\r\n");
    REQUIRE(edited("", change) == "P: 1\r\nQ: 2\r\n");
    REQUIRE(edited("\r\n", change) == "P: 1\r\nQ: 2\r\n\r\n");
}

TEST_CASE("a content that ends with its header section gets well-formed fields")
{
    const auto add = [](auto& e) {
        e.append("Y", "1");
        e.prepend("X", "2");
    };

    REQUIRE(edited("A: b\r\n", add) == "X: 2\r\nA: b\r\nY: 1\r\n");
    REQUIRE(edited("A: b", add) == "X: 2\r\nA: b\r\nY: 1\r\n");
}

TEST_CASE("a body that follows without an empty line does not become part of a new field")
{
    const auto add = [](auto& e) { e.prepend("X", "1"); };

    REQUIRE(edited(" folding first\r\n", add) == "X: 1\r\n\r\n folding first\r\n");
    REQUIRE(edited("From x Mon\r\nTo: a\r\n", add) == "X: 1\r\n\r\nFrom x Mon\r\nTo: a\r\n");
    REQUIRE(edited("A: b\r\nno field\r\n", add) == "X: 1\r\nA: b\r\n\r\nno field\r\n");
    REQUIRE(edited("A: b\r\nno field\r\n", [](auto& e) { e.set_value(0, "c"); }) == "A: c\r\nno field\r\n");
}

TEST_CASE("no value can break out of its field")
{
    const std::string hostile =
        GENERATE(as<std::string>{}, "x\r\nBcc: y", "x\nBcc: y", "x\rBcc: y", "x\r\n\r\nbody", "x\r\n", "\r\nBcc: y",
                 "x\r\r\nBcc: y", "x\r\n\nBcc: y", std::string("x\0\r\nBcc: y", 11), "x\r\n \r\nBcc: y", "x\r\n \r\n",
                 "\n", "\r\n\r\n");
    const auto result = edited("A: b\r\nC: d\r\n\r\nbody", [&](auto& e) {
        e.set_value(0, hostile);
        e.prepend("P", hostile);
        e.append("Q", hostile);
    });
    INFO(result);

    const auto header = Header::parse(result);
    REQUIRE(header->fields().size() == 4);
    REQUIRE(header->find("Bcc") == nullptr);
    REQUIRE(result.substr(header->body_offset()) == "body");
    REQUIRE(result.find('\0') == result.npos);
    for (std::size_t i = 0; i < header->body_offset(); ++i) {
        if (result[i] == '\n') REQUIRE(result[i - 1] == '\r');
        if (result[i] == '\r') REQUIRE(result[i + 1] == '\n');
    }
}

TEST_CASE("no name can break out of its field")
{
    const auto add = [](const std::string& name) {
        return edited("A: b\r\n\r\n", [&](auto& e) { e.append(name, "v"); });
    };

    REQUIRE(add("X\r\nBcc: y") == "A: b\r\nX--Bcc--y: v\r\n\r\n");
    REQUIRE(add("") == "A: b\r\nX: v\r\n\r\n");
    REQUIRE(add("n\xC3\xA9") == "A: b\r\nn--: v\r\n\r\n");
}

TEST_CASE("folding in a value is kept")
{
    REQUIRE(edited("A: x\r\n\ty\r\n\r\n", [](auto& e) { e.set_value(0, " x\r\n\tz\r\n y"); }) ==
            "A: x\r\n\tz\r\n y\r\n\r\n");
}

TEST_CASE("lines that a change makes too long are folded at white space")
{
    std::string value;
    for (int i = 0; i < 400; ++i) value += " word" + std::to_string(i);
    const auto result = edited("A: x\r\nB: y\r\n\r\n", [&](auto& e) {
        e.set_value(0, value);
        e.prepend("P", value.substr(1));
    });
    const auto header = Header::parse(result);

    REQUIRE(header->fields().size() == 3);
    std::size_t line = 0;
    for (const char c : result) {
        line = c == '\n' ? 0 : line + 1;
        REQUIRE(line <= 999);  // with CR
    }
    std::string unfolded(header->find("A")->value);
    for (auto at = unfolded.find("\r\n"); at != unfolded.npos; at = unfolded.find("\r\n")) unfolded.erase(at, 2);
    REQUIRE(unfolded == value);
}

TEST_CASE("a long line without white space stays whole, and no line of white space alone is made")
{
    const std::string solid(3000, 'x');
    REQUIRE(edited("A: x\r\n\r\n", [&](auto& e) { e.set_value(0, solid); }) == "A: " + solid + "\r\n\r\n");

    const std::string tail = solid + " y" + std::string(2000, ' ');
    REQUIRE(edited("A: x\r\n\r\n", [&](auto& e) { e.set_value(0, tail); }) ==
            "A: " + solid + "\r\n y" + std::string(2000, ' ') + "\r\n\r\n");
    const std::string blank(3000, ' ');
    REQUIRE(edited("A: x\r\n\r\n", [&](auto& e) { e.set_value(0, blank); }) == "A:" + blank + "\r\n\r\n");
}

TEST_CASE("long lines in fields that nobody changed stay long")
{
    const std::string content = "A: " + std::string(2000, 'x') + " y\r\nB: z\r\n\r\n";

    REQUIRE(edited(content, [](auto& e) { e.set_value(1, "w"); }).starts_with(content.substr(0, 2007)));
}

TEST_CASE("a copy goes on by itself")
{
    const auto header = Header::parse(message);
    HeaderEditor shared(message, *header);
    shared.prepend("Shared", "1");
    HeaderEditor copy = shared;
    copy.append("Own", "2");

    REQUIRE(applied(message, shared.edits()).find("Own") == std::string::npos);
    REQUIRE(applied(message, copy.edits()).find("Shared: 1\r\n") == 0);
}
