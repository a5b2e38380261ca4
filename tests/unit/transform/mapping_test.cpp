#include "transform/mapping.hpp"

#include "community.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::test;
using transform::inside;
using transform::outside;

TEST_CASE("an address of a member gets the suffix, and keeps the case it was written in")
{
    const auto member = greenstone();
    CHECK(inside(address("Eric.Brown@GreenStoneChambers.co.uk"), member)->text() ==
          "Eric.Brown@GreenStoneChambers.co.uk.cjsm.net");
    CHECK(inside(address("eric@madetech.com"), member)->text() == "eric@madetech.cjsm.net");
    CHECK(inside(address("eric@greenstonechambers.co.uk.CJSM.net"), member)->text() ==
          "eric@greenstonechambers.co.uk.CJSM.net");
    CHECK_FALSE(inside(address("eric@other.example"), member));
    CHECK_FALSE(inside(address("eric@sub.greenstonechambers.co.uk"), member));
}

TEST_CASE("the way out takes the suffix off again")
{
    const auto member = greenstone();
    CHECK(outside(address("Eric@GreenStoneChambers.co.uk.CJSM.net"), member)->text() ==
          "Eric@GreenStoneChambers.co.uk");
    CHECK(outside(address("eric@MADETECH.cjsm.net"), member)->text() == "eric@madetech.com");
    CHECK(outside(address("eric@madetech.com"), member)->text() == "eric@madetech.com");
    CHECK_FALSE(outside(address("eric@crowncourt.example.cjsm.net"), member));
}

TEST_CASE("out of in is where it came from, in any case of letters")
{
    const auto member = greenstone();
    for (const char* text : {"a@greenstonechambers.co.uk", "\"a b\"@Greenstonechambers.Co.Uk", "A.b@madetech.com"}) {
        const auto there = inside(address(text), member);
        REQUIRE(there);
        CHECK(outside(*there, member)->text() == text);
        CHECK(inside(*there, member)->text() == there->text());
    }
}

TEST_CASE("a label of a mailbox member is the same inside and outside")
{
    vocabulary::Organisation york;
    york.domains = {mapped("york.cjsm.net", "york.cjsm.net")};
    CHECK(inside(address("eric@York.cjsm.net"), york)->text() == "eric@York.cjsm.net");
    CHECK(outside(address("eric@York.cjsm.net"), york)->text() == "eric@York.cjsm.net");
    CHECK(transform::inside_text(york.domains[0].domain, york).empty());
}

TEST_CASE("a domain declared in UTF-8 does not make an ASCII address need SMTPUTF8")
{
    vocabulary::Organisation member;
    member.domains = {mapped("grüner.example", "grüner.example.cjsm.net")};
    CHECK(inside(address("a@xn--grner-lva.example"), member)->text() == "a@xn--grner-lva.example.cjsm.net");
    CHECK(inside(address("a@grüner.example"), member)->text() == "a@grüner.example.cjsm.net");
    CHECK(outside(address("a@xn--grner-lva.example.cjsm.net"), member)->text() == "a@xn--grner-lva.example");
}
