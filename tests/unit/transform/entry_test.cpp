#include "transform/entry.hpp"

#include "community.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace postern;
using namespace postern::test;

namespace {

const std::string from = "From: Eric <eric@greenstonechambers.co.uk.cjsm.net>\r\n";

std::string text_for_peer(const std::string& header, const vocabulary::Organisation& of)
{
    const std::string content = header + "\r\n";
    const auto parsed = mail::Header::parse(content).value();
    const auto checked = transform::check_from(parsed, of);
    if (checked) return "ok";
    CHECK(checked.error().retry() == Retry::never);
    CHECK(checked.error().peer().digits == 50);
    CHECK(checked.error().peer().status == Status{7, 1});
    return checked.error().peer().text;
}

}  // namespace

TEST_CASE("every address of the sender's own domains gets the suffix, and no other byte changes")
{
    const auto member = greenstone();
    const std::string content =
        dated +
        "FROM:Eric  Brown (at eric@greenstonechambers.co.uk) <Eric.Brown@greenstonechambers.co.uk>\r\n"
        "Sender: clerk@greenstonechambers.co.uk\r\n"
        "To: listing@crowncourt.example.cjsm.net,\r\n\tann@greenstonechambers.co.uk ,\r\n"
        " \"bob@greenstonechambers.co.uk\" <bob@GreenstoneChambers.co.uk>\r\n"
        "Cc: Team: x@madetech.com, y@elsewhere.example;\r\n"
        "Reply-To: eric@greenstonechambers.co.uk\r\n"
        "Resent-From: r@greenstonechambers.co.uk\r\n"
        "Resent-Reply-To: r@greenstonechambers.co.uk\r\n"
        "Mail-Followup-To: eric@greenstonechambers.co.uk\r\n"
        "Disposition-Notification-To: eric@greenstonechambers.co.uk\r\n"
        "Return-Receipt-To: eric@greenstonechambers.co.uk\r\n"
        "X-Other: eric@greenstonechambers.co.uk\r\n"
        "\r\nTo: eric@greenstonechambers.co.uk\r\n";
    CHECK(entered(content, facts_of(member)) ==
          dated +
              "FROM:Eric  Brown (at eric@greenstonechambers.co.uk) <Eric.Brown@greenstonechambers.co.uk.cjsm.net>\r\n"
              "Sender: clerk@greenstonechambers.co.uk.cjsm.net\r\n"
              "To: listing@crowncourt.example.cjsm.net,\r\n\tann@greenstonechambers.co.uk.cjsm.net ,\r\n"
              " \"bob@greenstonechambers.co.uk\" <bob@GreenstoneChambers.co.uk.cjsm.net>\r\n"
              "Cc: Team: x@madetech.cjsm.net, y@elsewhere.example;\r\n"
              "Reply-To: eric@greenstonechambers.co.uk.cjsm.net\r\n"
              "Resent-From: r@greenstonechambers.co.uk.cjsm.net\r\n"
              "Resent-Reply-To: r@greenstonechambers.co.uk.cjsm.net\r\n"
              "Mail-Followup-To: eric@greenstonechambers.co.uk.cjsm.net\r\n"
              "Disposition-Notification-To: eric@greenstonechambers.co.uk.cjsm.net\r\n"
              "Return-Receipt-To: eric@greenstonechambers.co.uk.cjsm.net\r\n"
              "X-Other: eric@greenstonechambers.co.uk\r\n"
              "\r\nTo: eric@greenstonechambers.co.uk\r\n");
}

TEST_CASE("a receipt is asked for inside the community alone")
{
    const auto member = greenstone();
    const auto kept = [&](const std::string& value) {
        const std::string content =
            "From: eric@greenstonechambers.co.uk\r\nDisposition-Notification-To: " + value + "\r\nSubject: x\r\n\r\n";
        const auto header = mail::Header::parse(content, {}).value();
        const bool stays = entered(content, facts_of(member)).find("Disposition-Notification-To") != std::string::npos;
        CHECK(stays == transform::receipts_outside(header, &member, "CJSM.net").empty());  // one opinion of it
        return stays;
    };
    CHECK(kept("eric@greenstonechambers.co.uk"));
    CHECK(kept("Eric <eric@GREENSTONEchambers.co.uk.CJSM.net>"));
    CHECK(kept("anybody@cjsm.net"));
    CHECK(kept("listing@crowncourt.example.cjsm.net,\r\n eric@madetech.com"));
    CHECK_FALSE(kept("boss@elsewhere.example"));
    CHECK_FALSE(kept("listing@crowncourt.example"));  // another member's address past the service
    CHECK_FALSE(kept("eric@greenstonechambers.co.uk, boss@elsewhere.example"));
    CHECK_FALSE(kept("boss@notcjsm.net"));
    CHECK_FALSE(kept("boss@cjsm.net.elsewhere.example"));
    CHECK_FALSE(kept("\"eric@greenstonechambers.co.uk\" <boss@elsewhere.example>"));
    CHECK_FALSE(kept("(eric@greenstonechambers.co.uk) boss@elsewhere.example"));
    CHECK_FALSE(kept("Team: eric@greenstonechambers.co.uk, boss@elsewhere.example;"));
    CHECK_FALSE(kept("<"));  // who can't be read may be anybody
    CHECK_FALSE(kept(""));
}

TEST_CASE("every field that asks for a receipt outside goes, however it is spelled or repeated")
{
    const auto member = greenstone();
    const std::string content =
        "From: eric@greenstonechambers.co.uk\r\nDISPOSITION-notification-to: a@elsewhere.example\r\n"
        "Disposition-Notification-To: eric@greenstonechambers.co.uk\r\nReturn-Receipt-To: b@elsewhere.example\r\n"
        "X-Confirm-Reading-To: c@elsewhere.example\r\n\r\n";
    const auto header = mail::Header::parse(content, {}).value();
    CHECK(transform::receipts_outside(header, &member, "cjsm.net") ==
          std::vector<std::string>{"Disposition-Notification-To: a@elsewhere.example",
                                   "Return-Receipt-To: b@elsewhere.example",
                                   "X-Confirm-Reading-To: c@elsewhere.example"});
    const auto left = entered(content, facts_of(member));
    CHECK(left.find("elsewhere.example") == std::string::npos);
    CHECK(left.find("eric@greenstonechambers.co.uk.cjsm.net\r\n") != std::string::npos);
}

TEST_CASE("trust ends at the door: what Postern adds or believes is removed from mail that comes in")
{
    const auto member = greenstone();
    auto facts = facts_of(member);
    const std::vector<std::string> tags{"X-Secure-Email"};
    facts.added_by_tags = tags;
    const std::string content =
        "Return-Path: <a@b.example>\r\npostern-trace: v1 forged\r\nPostern-Anything: x\r\n"
        "Authentication-Results: mx.cjsm.net; dkim=pass\r\n"
        "Authentication-Results: (hidden \\) (nested)) \"MX.cjsm.net.\" 1; dkim=pass\r\n"
        "Authentication-Results:\r\n cjsm.net;none\r\n"
        "Authentication-Results: mail.greenstonechambers.co.uk; dkim=pass\r\n"
        "x-secure-email: forged\r\nBcc: hidden@greenstonechambers.co.uk\r\n" +
        dated + from + "\r\n";
    CHECK(entered(content, facts) ==
          "Authentication-Results: mail.greenstonechambers.co.uk; dkim=pass\r\n" + dated + from + "\r\n");
}

TEST_CASE("Received says who brought the message, how, and under which generation")
{
    const auto member = greenstone();
    auto facts = facts_of(member);
    const auto to = address("listing@crowncourt.example.cjsm.net");
    const std::string content = dated + from + "\r\nbody\r\n";
    const auto received = [&] {
        return field(
            mail::applied(content, transform::on_entry(content, mail::Header::parse(content).value(), facts).edits()),
            "Received");
    };
    facts.only_recipient = &to;
    CHECK(received() == " from mail.greenstonechambers.co.uk ([203.0.113.9])\r\n\tby mx.cjsm.net with ESMTPS id " + id +
                            "\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384; generation 41)"
                            "\r\n\tfor <listing@crowncourt.example.cjsm.net>;\r\n\tThu, 01 Jan 1970 00:00:00 +0000");
    facts.only_recipient = nullptr;
    facts.smtputf8 = true;
    CHECK(received().find("with UTF8SMTPS id") != std::string::npos);
    CHECK(received().find("for <") == std::string::npos);
    facts.smtputf8 = false;
    facts.tls = {};
    CHECK(received().find("with ESMTP id") != std::string::npos);
    facts.extended = false;
    CHECK(received().find("with SMTP id") != std::string::npos);
    facts.peer = vocabulary::parse_ip("2001:db8::1").value();
    facts.helo = "evil) by mx.cjsm.net\r\nX-Evil: 1";
    CHECK(received().starts_with(" from evil??by?mx.cjsm.net??X-Evil:?1 ([IPv6:2001:db8::1])\r\n"));
}

TEST_CASE("Date and Message-ID are added only where there is none")
{
    const auto member = greenstone();
    const auto facts = facts_of(member);
    CHECK(entered(from + "\r\nx\r\n", facts) ==
          from + "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nMessage-ID: <" + id + "@mx.cjsm.net>\r\n\r\nx\r\n");
    CHECK(entered(dated + from + "\r\nx\r\n", facts) == dated + from + "\r\nx\r\n");
}

TEST_CASE("a declared prefix is taken off the subject at the door, and only it")
{
    const auto member = greenstone();
    auto facts = facts_of(member);
    const std::vector<std::string> prefixes{"CJSM: "};
    facts.prefixes_removed_on_entry = prefixes;
    const auto subject = [&](const std::string& value) {
        return field(entered(dated + "Subject:" + value + "\r\n" + from + "\r\n", facts), "Subject");
    };
    CHECK(subject(" CJSM: Listing  of Monday ") == " Listing  of Monday ");
    CHECK(subject(" Re: cjsm:Listing") == " Re: Listing");
    CHECK(subject(" Listing CJSM: x") == " Listing CJSM: x");
}

TEST_CASE("From must be one address of the member, and the refusal says what to change")
{
    const auto member = greenstone();
    CHECK(text_for_peer("From: Eric <eric@greenstonechambers.co.uk>\r\n", member) == "ok");
    CHECK(text_for_peer("from: eric@GREENSTONEchambers.co.uk.cjsm.net\r\n", member) == "ok");
    CHECK(text_for_peer("To: x@y.example\r\n", member) ==
          "The message has no From: field; it must name one address of Greenstone Chambers");
    CHECK(text_for_peer(from + from, member) == "The message has more than one From: field; send it with one");
    CHECK(text_for_peer("From: a@madetech.com, b@madetech.com\r\n", member)
              .starts_with("The From: field names more than one"));
    CHECK(text_for_peer("From: Desk: a@madetech.com;\r\n", member).starts_with("The From: field holds a group"));
    CHECK(text_for_peer("From: Eric Brown\r\n", member).starts_with("The From: field can't be read"));
    CHECK(text_for_peer("From:\r\n", member).starts_with("The From: field can't be read"));
    CHECK(text_for_peer("From: judge@crowncourt.example\r\n", member) ==
          "The address judge@crowncourt.example in From: does not belong to Greenstone Chambers; "
          "its addresses end in greenstonechambers.co.uk, madetech.com");
}

TEST_CASE("a report or an automatic message is known by its fields")
{
    const auto is = [](const std::string& field) {
        const std::string content = field + "\r\n\r\n";
        return transform::is_report_or_auto(mail::Header::parse(content).value());
    };
    CHECK(is("Content-Type: Multipart/Report; report-type=delivery-status; boundary=x"));
    CHECK(is("Content-Type: (a comment) message/delivery-status"));
    CHECK(is("Auto-Submitted: auto-replied (vacation)"));
    CHECK_FALSE(is("Auto-Submitted: NO"));
    CHECK_FALSE(is("Auto-Submitted: (nothing)"));
    CHECK_FALSE(is("Content-Type: multipart/mixed; x=\"multipart/report\""));
    CHECK_FALSE(is("Subject: multipart/report"));
}

TEST_CASE("whatever is edited at the door, all else leaves as it came")
{
    const auto member = greenstone();
    const auto facts = facts_of(member);
    std::mt19937 random(7);  // NOLINT: the same messages every time
    const std::vector<std::string> parts{"X-Odd:\tvalue \r\n",
                                         "X-8bit: \xFF\xFE\r\n",
                                         "X-Folded: a\r\n\t b\r\n",
                                         "DKIM-Signature: v=1;\r\n b=abc\r\n",
                                         "Subject: =?x?y?z\r\n",
                                         "Received: from x\r\n by y; z\r\n",
                                         "To : a@elsewhere.example\r\n",
                                         "Cc: undisclosed-recipients:;\r\n",
                                         "From: me@greenstonechambers.co.uk.cjsm.net\r\n"};
    for (int round = 0; round < 200; ++round) {
        std::string content = dated;
        for (int i = 0; i < 6; ++i) content += parts[random() % parts.size()];
        content += "\r\nbody \xFF\r\nFrom: me@greenstonechambers.co.uk\r\n";
        REQUIRE(entered(content, facts) == content);
    }
}
