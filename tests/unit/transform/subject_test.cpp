#include "transform/subject.hpp"

#include "mail/header.hpp"

#include <catch2/catch.hpp>

using postern::mail::decode_text;
using postern::transform::carries_tag;
using postern::transform::put_tag;
using postern::transform::take_tag;

TEST_CASE("a subject carries the tag however it is written")
{
    for (const char* subject :
         {" CJSM: Listing", " Re: cjsm:Listing", " AW: Fwd: CJSM:  x", " SV: Re[2]: CJSM: x", " Re:\r\n CJSM: x",
          " =?UTF-8?Q?Re:_CJSM:_F=C3=B6rste?=", " =?utf-8?B?Q0pTTTogw6Q=?=", " =?UTF-8?Q?CJS?= =?UTF-8?Q?M:_x?=",
          " Your mail CJSM: x", " =?UTF-8?B?5Zue5aSN77yaQ0pTTTogeA==?="})
        CHECK(carries_tag(subject, "CJSM: "));
    for (const char* subject : {"", " Listing", " CJSM", " XCJSM: y", " CJ SM: x", " =?UTF-8?Q?F=C3=B6rste?="})
        CHECK_FALSE(carries_tag(subject, "CJSM: "));
}

TEST_CASE("the tag stands in front and leaves the rest as it is")
{
    CHECK(put_tag(" Listing  of Monday", "CJSM: ") == " CJSM: Listing  of Monday");
    CHECK(put_tag("Listing", "CJSM: ") == " CJSM: Listing");
    CHECK(put_tag("\t=?UTF-8?Q?F=C3=B6rste?=", "CJSM: ") == "\tCJSM: =?UTF-8?Q?F=C3=B6rste?=");
    CHECK(put_tag(" =?UTF-8?Q?F=C3=B6rste?=", "[CJSM]") == " [CJSM] =?UTF-8?Q?F=C3=B6rste?=");
    CHECK(put_tag("", "CJSM: ") == " CJSM:");
    CHECK(put_tag(" ", "CJSM: ") == " CJSM:");
    CHECK(put_tag("\r\n Listing", "CJSM: ") == "\r\n CJSM: Listing");
}

TEST_CASE("a first line that would grow too long is folded behind the tag")
{
    const std::string word = "=?UTF-8?Q?" + std::string(56, 'a') + "?=";
    CHECK(put_tag(" " + word, "CJSM: ") == " CJSM:\r\n " + word);
    const std::string plain(69, 'a');
    CHECK(put_tag(" " + plain, "CJSM: ") == " CJSM:\r\n " + plain);
    CHECK(put_tag(" " + plain + "b", "CJSM: ") == " CJSM: " + plain + "b");  // it was too long before
}

TEST_CASE("a tag that is not ASCII is encoded, and reads right before any subject")
{
    CHECK(decode_text(put_tag(" Listing", "SÜR: ")) == "SÜR: Listing");
    CHECK(decode_text(put_tag(" =?UTF-8?Q?F=C3=B6rste?=", "SÜR: ")) == "SÜR: Förste");
}

TEST_CASE("the tag is taken off plain subjects without touching another byte")
{
    CHECK(take_tag(" CJSM: Listing  x", "CJSM: ") == " Listing  x");
    CHECK(take_tag(" Re: CJSM: AW: cjsm: \xFFx", "CJSM: ") == " Re: AW: \xFFx");
    CHECK(take_tag(" [EXTERNAL] Re: CJSM: x", "CJSM: ") == " [EXTERNAL] Re: x");
    CHECK(take_tag(" RE : CJSM: x", "CJSM: ") == " RE : x");
    CHECK(take_tag(" CJSM:\r\n x", "CJSM: ") == " x");
    CHECK(take_tag(" Re: CJSM: =?UTF-8?Q?F=C3=B6rste?=", "CJSM: ") == " Re: =?UTF-8?Q?F=C3=B6rste?=");
    CHECK_FALSE(take_tag(" Listing of CJSM: x", "CJSM: "));
    CHECK_FALSE(take_tag(" Listing", "CJSM: "));
    CHECK_FALSE(take_tag(" =?UTF-8?Q?F=C3=B6rste?=", "CJSM: "));
}

TEST_CASE("the tag is taken out of encoded words, which are encoded anew")
{
    CHECK(take_tag(" =?UTF-8?Q?CJSM:_Listing?=", "CJSM: ") == " Listing");
    const auto taken =
        take_tag(" =?UTF-8?Q?Re:_CJSM:_F=C3=B6r?=\r\n =?UTF-8?Q?ste?= und =?ISO-8859-1?Q?=FC?=", "CJSM: ");
    REQUIRE(taken);
    CHECK(decode_text(*taken) == "Re: Förste und ü");
    CHECK(taken->ends_with(" und =?ISO-8859-1?Q?=FC?="));
    // Between two encoded words no space shows: here all is encoded anew.
    const auto merged = take_tag(" =?UTF-8?B?5Zue5aSN77ya?= CJSM: =?UTF-8?Q?F=C3=B6rste?=", "CJSM: ");
    REQUIRE(merged);
    CHECK(decode_text(*merged) == "回复： Förste");
    CHECK(take_tag(" Re: =?UTF-8?Q?CJSM:?= Listing", "CJSM: ") == " Re: Listing");
}

TEST_CASE("what is put on comes off again")
{
    for (const char* subject : {" Listing", " Re: Listing", " =?UTF-8?Q?F=C3=B6rste?=",
                                " =?UTF-8?Q?F=C3=B6r?=\r\n =?UTF-8?Q?ste?=", " a\r\n\tb", " =?broken"}) {
        const std::string tagged = put_tag(subject, "CJSM: ");
        CHECK(carries_tag(tagged, "CJSM: "));
        CHECK(take_tag(tagged, "CJSM: ") == subject);
    }
}
