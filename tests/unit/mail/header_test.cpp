// Header sections: where fields, the section and the body begin and end.
#include "mail/header.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::mail;

namespace {

Header parse(std::string_view content)
{
    auto header = Header::parse(content);
    REQUIRE(header);
    return std::move(*header);
}

}  // namespace

TEST_CASE("fields are found with name, value and place")
{
    const std::string content = "From: a@b\r\nSUBJECT :x\r\n y\r\n\tz\r\nTo:\r\n\r\nbody\r\n";
    const Header header = parse(content);

    REQUIRE(header.fields().size() == 3);
    REQUIRE(header.find("from")->value == " a@b");
    REQUIRE(header.find("Subject")->name == "SUBJECT");
    REQUIRE(header.find("Subject")->value == "x\r\n y\r\n\tz");
    REQUIRE(header.find("To")->value.empty());
    REQUIRE(header.find("Cc") == nullptr);
    REQUIRE(content.substr(header.body_offset()) == "body\r\n");
    REQUIRE(content.substr(header.end_offset()) == "\r\nbody\r\n");
    std::size_t at = 0;
    for (const auto& field : header.fields()) {
        REQUIRE(field.offset == at);
        at += field.size;
    }
    REQUIRE(at == header.end_offset());
}

TEST_CASE("fields of one name are counted without regard to case")
{
    const Header header = parse("Received: a\r\nreceived: b\r\nRECEIVED: c\r\nReceived-SPF: d\r\n\r\n");

    REQUIRE(header.count("Received") == 3);
    REQUIRE(header.find("RECEIVED")->value == " a");
}

TEST_CASE("a content without header section is all body")
{
    const auto content =
        GENERATE(as<std::string>{}, "no field\r\n", " folding: first\r\n", "\tx\r\n", ": no name\r\n",
                 "From eric@a.example Mon Nov 23 16:37:02 2026\r\nTo: a@b\r\n", "na me: x\r\n", "n\xC3\xA9: x\r\n");
    const Header header = parse(content);

    REQUIRE(header.fields().empty());
    REQUIRE(header.body_offset() == 0);
    REQUIRE(header.end_offset() == 0);
}

TEST_CASE("an empty content and an empty header section are fine")
{
    REQUIRE(parse("").body_offset() == 0);
    REQUIRE(parse("\r\nbody").body_offset() == 2);
    REQUIRE(parse("\r\nbody").end_offset() == 0);
    REQUIRE(parse("\r\n").body_offset() == 2);
}

TEST_CASE("a section may end with the content, or at a line that is no field")
{
    const Header whole = parse("A: b\r\nC: d\r\n");
    REQUIRE(whole.fields().size() == 2);
    REQUIRE(whole.end_offset() == 12);
    REQUIRE(whole.body_offset() == 12);

    const Header cut = parse("A: b\r\nno field\r\nC: d\r\n\r\n");
    REQUIRE(cut.fields().size() == 1);
    REQUIRE(cut.end_offset() == 6);
    REQUIRE(cut.body_offset() == 6);

    const Header unfinished = parse("A: b\r\nC: d");
    REQUIRE(unfinished.find("C")->value == " d");
    REQUIRE(unfinished.end_offset() == 10);
}

TEST_CASE("a line of white space goes on with the field before it")
{
    const Header header = parse("A: b\r\n \r\nC: d\r\n\r\n");

    REQUIRE(header.find("A")->value == " b\r\n ");
    REQUIRE(header.fields().size() == 2);
}

TEST_CASE("a bare LF or CR ends no line")
{
    const Header header = parse("A: b\nC: d\rE: f\r\nG: h\r\n\r\n");

    REQUIRE(header.fields().size() == 2);
    REQUIRE(header.find("A")->value == " b\nC: d\rE: f");
    REQUIRE(parse("A: b\n\nbody\r\n").body_offset() == 12);
}

TEST_CASE("header sections over the limits are refused")
{
    std::string fields;
    for (int i = 0; i < 1001; ++i) fields += "A: b\r\n";
    const auto many = Header::parse(fields + "\r\n");
    REQUIRE_FALSE(many);
    REQUIRE(many.error().retry() == Retry::never);
    REQUIRE(many.error().peer().status == Status{6, 0});

    REQUIRE_FALSE(Header::parse("A: " + std::string(300'000, 'x') + "\r\n\r\n"));
    REQUIRE(Header::parse("A: b\r\n\r\n" + std::string(300'000, 'x') + "\r\n"));
    REQUIRE(Header::parse(std::string(300'000, 'x') + "\r\n"));
    REQUIRE(Header::parse(fields.substr(6) + "\r\n"));
    REQUIRE_FALSE(Header::parse("A: b\r\nC: d\r\n", {.bytes = 11, .fields = 2}));
    REQUIRE(Header::parse("A: b\r\nC: d\r\n", {.bytes = 12, .fields = 2}));
}
