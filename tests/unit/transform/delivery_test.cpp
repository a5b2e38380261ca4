#include "transform/delivery.hpp"

#include "community.hpp"
#include "transform/mapping.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace postern;
using namespace postern::test;

namespace {

const std::string message = dated +
                            "From: Eric Brown <eric.brown@greenstonechambers.co.uk>\r\n"
                            "To: Listing <listing@crowncourt.example.cjsm.net>, ann@greenstonechambers.co.uk\r\n"
                            "Cc: desk@northshire.police.example.cjsm.net\r\n"
                            "Subject: Monday\r\n\r\nSee you at crowncourt.example.cjsm.net.\r\n";

const transform::Tag secure{"CJSM: ", true, {}, {}};

}  // namespace

TEST_CASE("a server member reads its own addresses without the suffix, and those of others with it")
{
    const auto sender = greenstone();
    const auto court = crown_court();
    const std::string sent = delivered(message, facts_of(sender), {&court, std::span(&secure, 1), {}});
    CHECK(field(sent, "To") == " Listing <listing@crowncourt.example>, ann@greenstonechambers.co.uk.cjsm.net");
    CHECK(field(sent, "Cc") == " desk@northshire.police.example.cjsm.net");
    CHECK(field(sent, "From") == " Eric Brown <eric.brown@greenstonechambers.co.uk.cjsm.net>");
    CHECK(field(sent, "Subject") == " CJSM: Monday");
    CHECK(sent.ends_with("\r\n\r\nSee you at crowncourt.example.cjsm.net.\r\n"));
}

TEST_CASE("for a hosted mailbox nothing is stripped")
{
    const auto sender = greenstone();
    auto court = crown_court();
    court.kind = vocabulary::Kind::mailbox;
    const std::string sent = delivered(message, facts_of(sender), {&court, {}, {}});
    CHECK(field(sent, "To") == " Listing <listing@crowncourt.example.cjsm.net>, ann@greenstonechambers.co.uk.cjsm.net");
    CHECK(field(sent, "Subject") == " Monday");
}

TEST_CASE("a reply to all from any member names no bare address of another")
{
    const auto sender = greenstone();
    const auto court = crown_court();
    const std::string content =
        dated +
        "From: eric@greenstonechambers.co.uk\r\nReply-To: eric@greenstonechambers.co.uk, clerk@madetech.com\r\n"
        "To: a@crowncourt.example.cjsm.net, b@GreenstoneChambers.co.uk, \"b, c\" <\"x y\"@madetech.com>\r\n"
        "Cc: Team: d@greenstonechambers.co.uk (home: e@greenstonechambers.co.uk), f@madetech.com;\r\n"
        "Mail-Followup-To: eric@greenstonechambers.co.uk\r\n\r\n";
    const std::string sent = delivered(content, facts_of(sender), {&court, {}, {}});
    for (const char* name : {"From", "Reply-To", "To", "Cc", "Mail-Followup-To"}) {
        const std::string value = field(sent, name);
        for (const auto& place : mail::find_addresses(value).places) {
            INFO(name << ": " << place.address.text());
            const bool bare = std::ranges::any_of(
                sender.domains, [&](const auto& mapped) { return mapped.domain == place.address.domain(); });
            CHECK_FALSE(bare);
        }
    }
}

TEST_CASE("a member that answers sends the subject back with one tag")
{
    const auto sender = greenstone();
    const auto court = crown_court();
    for (const char* subject : {"Re: CJSM: Monday", "AW: cjsm:Monday", "=?UTF-8?Q?Re:_CJSM:_F=C3=B6rste?="}) {
        const std::string content = dated + "From: a@madetech.com\r\nSubject: " + subject + "\r\n\r\n";
        CHECK(field(delivered(content, facts_of(sender), {&court, std::span(&secure, 1), {}}), "Subject") ==
              " " + std::string(subject));
    }
}

TEST_CASE("a message without a subject gets one that is only the tag")
{
    const auto sender = greenstone();
    const auto court = crown_court();
    const std::string content = dated + "From: a@madetech.com\r\n\r\nx\r\n";
    CHECK(field(delivered(content, facts_of(sender), {&court, std::span(&secure, 1), {}}), "Subject") == " CJSM:");
}

TEST_CASE("tags add and remove fields, and what they add can't break out of its field")
{
    const auto sender = greenstone();
    const auto court = crown_court();
    const std::vector<std::pair<std::string, std::string>> add{{"X-Secure-Email", "generation=41\r\nX-Evil: 1"}};
    const std::vector<std::string> remove{"X-Mailer"};
    const transform::Tag tag{{}, true, add, remove};
    const std::string content = dated + "X-Mailer: old\r\nFrom: a@madetech.com\r\nSubject: s\r\n\r\n";
    const std::string sent = delivered(content, facts_of(sender), {&court, std::span(&tag, 1), "v1 id=x;\r\n\tsig=y"});
    CHECK(field(sent, "X-Mailer") == "(none)");
    CHECK(field(sent, "X-Evil") == "(none)");
    CHECK(field(sent, "X-Secure-Email").starts_with(" generation=41 "));
    CHECK(field(sent, "Subject") == " s");
    CHECK(sent.starts_with("Postern-Trace: v1 id=x;\r\n\tsig=y\r\n"));
}

TEST_CASE("tags take effect one after the other, each on what those before it made")
{
    using Fields = std::vector<std::pair<std::string, std::string>>;
    const auto sender = greenstone();
    const auto court = crown_court();
    const Fields first{{"X-Checked", "first"}, {"X-Other", "stays"}}, second{{"X-Checked", "second"}},
        third{{"X-Checked", "third"}};
    const std::vector<std::string> removed{"Cc", "x-checked"};
    const std::array tags{transform::Tag{"", true, first, {}, {}}, transform::Tag{"", true, {}, removed, second},
                          transform::Tag{"", true, {}, {}, third}};
    const std::string sent = delivered(message, facts_of(sender), {&court, tags, {}});
    CHECK(field(sent, "X-Checked") == " third");
    CHECK(field(sent, "X-Other") == " stays");
    CHECK(sent.find("Cc:") == std::string::npos);
    CHECK(sent.find("second") == std::string::npos);
}
