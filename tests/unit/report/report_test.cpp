#include "report/report.hpp"

#include "mail/header.hpp"
#include "report/text.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using report::Kind;

namespace {

const std::string original =
    "From: Eric <eric.brown@greenstonechambers.co.uk>\r\nTo: listing@crowncourt.example.cjsm.net\r\n"
    "Subject: =?UTF-8?Q?H=C3=B6rung?= on Monday\r\nMessage-ID: <abc@greenstonechambers.co.uk>\r\n\r\nSecret body\r\n";

report::ReportRequest request_for(Kind kind)
{
    report::ReportRequest request;
    request.kind = kind;
    request.report_id = "01HYA3Z6Q8F0K2M4P6R8T0V2X5";
    request.at = from_micros(1'795'451'822'000'000);
    request.node = "mx.cjsm.net";
    request.service = "cjsm.net";
    request.operator_address = "postmaster@cjsm.net";
    request.sender = "eric.brown@greenstonechambers.co.uk.cjsm.net";
    request.message_id = "01HYA3Z6Q8F0K2M4P6R8T0V2X4";
    request.received = from_micros(1'795'451'000'000'000);
    request.envelope_id = "QQ314159";
    request.content = original;
    request.retry_until = from_micros(1'795'624'622'000'000);
    report::ReportedRecipient recipient;
    recipient.address = "listing@crowncourt.example.cjsm.net";
    recipient.original_recipient = "rfc822;listing+2Bmonday@crowncourt.example.cjsm.net";
    recipient.organisation = "Crown Court Listing";
    recipient.reply = "550 5.1.1 No such user here";
    recipient.reply_from_peer = true;
    recipient.remote_mta = "mail.crowncourt.example";
    recipient.last_attempt = from_micros(1'795'451'800'000'000);
    request.recipients.push_back(recipient);
    return request;
}

std::string built(const report::ReportRequest& request)
{
    const auto made = report::build(request);
    REQUIRE(made);
    // What any report must be: CRLF lines and no others, each one short enough.
    std::size_t line = 0;
    for (std::size_t i = 0; i < made->content.size(); ++i) {
        const char c = made->content[i];
        if (c == '\n') REQUIRE((i > 0 && made->content[i - 1] == '\r'));
        if (c == '\r') REQUIRE((i + 1 < made->content.size() && made->content[i + 1] == '\n'));
        line = c == '\n' ? 0 : line + 1;
        REQUIRE(line <= 999);
    }
    return made->content;
}

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("reports are due as NOTIFY says, failure and delay where it says nothing, and never to the null sender")
{
    mail::Notify unsaid;
    CHECK(report::wanted(unsaid, Kind::failure, false));
    CHECK(report::wanted(unsaid, Kind::delay, false));
    CHECK_FALSE(report::wanted(unsaid, Kind::delivered, false));
    CHECK_FALSE(report::wanted(unsaid, Kind::relayed, false));
    mail::Notify success{true, false, true, false, false};
    CHECK(report::wanted(success, Kind::delivered, false));
    CHECK(report::wanted(success, Kind::relayed, false));
    CHECK_FALSE(report::wanted(success, Kind::failure, false));
    CHECK_FALSE(report::wanted(success, Kind::delay, false));
    mail::Notify never{true, true, true, true, true};
    for (const Kind kind : {Kind::failure, Kind::delay, Kind::relayed, Kind::delivered}) {
        CHECK_FALSE(report::wanted(never, kind, false));
        CHECK_FALSE(report::wanted(success, kind, true));
        CHECK_FALSE(report::wanted(unsaid, kind, true));
    }
}

TEST_CASE("a failure report says what happened to people and to mail systems")
{
    const std::string text = built(request_for(Kind::failure));
    CHECK(
        has(text, "From: \"Postern\" <postmaster@cjsm.net>\r\nTo: <eric.brown@greenstonechambers.co.uk.cjsm.net>\r\n"));
    CHECK(
        has(text, "\r\nIn-Reply-To: <abc@greenstonechambers.co.uk>\r\nReferences: <abc@greenstonechambers.co.uk>\r\n"));
    CHECK(has(text, "\r\nAuto-Submitted: auto-replied\r\n"));
    CHECK(has(text, "\r\nMessage-ID: <01HYA3Z6Q8F0K2M4P6R8T0V2X5@mx.cjsm.net>\r\n"));
    CHECK(has(text, "Content-Type: multipart/report; report-type=delivery-status;"));
    CHECK(has(text, "\r\n\r\nOriginal-Envelope-Id: QQ314159\r\nReporting-MTA: dns; mx.cjsm.net\r\nArrival-Date: "));
    CHECK(has(text,
              "\r\n\r\nOriginal-Recipient: rfc822; listing+monday@crowncourt.example.cjsm.net\r\n"
              "Final-Recipient: rfc822; listing@crowncourt.example.cjsm.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
              "Remote-MTA: dns; mail.crowncourt.example\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user here\r\n"
              "Last-Attempt-Date: "));
    CHECK(has(text, "What happened: There is no such address.\r\n"));
    CHECK(has(text, "Their server said: 550 5.1.1 No such user here\r\n"));
    CHECK(has(text, "Crown Court Listing"));
    CHECK(has(text, "Content-Type: text/rfc822-headers\r\n"));
    CHECK_FALSE(has(text, "Secret body"));
    CHECK_FALSE(has(text, "{{"));
    const std::string subject(mail::Header::parse(text)->find("Subject")->value);
    CHECK(mail::decode_text(subject) == "Not delivered: Hörung on Monday");
}

TEST_CASE("the whole message goes back only for a failure with RET=FULL, and within the bound")
{
    auto request = request_for(Kind::failure);
    request.ret = mail::Return::full;
    CHECK(has(built(request), "Content-Type: message/rfc822\r\n"));
    CHECK(has(built(request), "Secret body"));
    CHECK(has(built(request), "Your message is attached."));
    request.return_at_most = original.size() - 1;
    CHECK_FALSE(has(built(request), "Secret body"));
    request = request_for(Kind::delay);
    request.ret = mail::Return::full;
    CHECK_FALSE(has(built(request), "Secret body"));
    request.content = {};
    CHECK_FALSE(has(built(request), "rfc822-headers"));
}

TEST_CASE("a delay says until when is tried, and that nothing need be done")
{
    auto request = request_for(Kind::delay);
    request.recipients[0].reply = "452 4.2.2 Mailbox full";
    const std::string text = built(request);
    CHECK(has(text, "Action: delayed\r\nStatus: 4.2.2\r\n"));
    CHECK(has(text, "\r\nWill-Retry-Until: "));
    CHECK(has(text, "The mailbox is full."));
    CHECK(has(text, "You need not do anything"));
    CHECK(has(text, "UTC"));
}

TEST_CASE("success is told apart: passed on, and delivered")
{
    auto request = request_for(Kind::relayed);
    request.recipients[0].reply = "250 2.0.0 Ok";
    CHECK(has(built(request), "Action: relayed\r\nStatus: 2.0.0\r\n"));
    CHECK(has(built(request), "passed on securely"));
    request.kind = Kind::delivered;
    CHECK(has(built(request), "Action: delivered\r\nStatus: 2.0.0\r\n"));
}

TEST_CASE("what was deferred until it was given up keeps its status, and people read that it was given up")
{
    auto request = request_for(Kind::failure);
    request.recipients[0].reply = "451-4.4.1 wait 451 4.4.1 No answer";
    CHECK(has(built(request), "Action: failed\r\nStatus: 4.4.1\r\n"));
    CHECK(has(built(request), "have now given"));
    request.recipients[0].reply = "Postern could not prove the server";
    request.recipients[0].reply_from_peer = false;
    request.recipients[0].status = {7, 5};
    CHECK(has(built(request), "Status: 5.7.5\r\n"));
    CHECK(has(built(request), "Diagnostic-Code: X-Postern; Postern could not prove the server\r\n"));
    CHECK_FALSE(has(built(request), "Their server said"));
}

TEST_CASE("nothing from outside can add a line to a report")
{
    auto request = request_for(Kind::failure);
    request.recipients[0].reply = "550 5.1.1 no\r\nAction: delivered\r\n\r\n--x";
    request.recipients[0].address = "a\r\nStatus: 2.0.0@x.example";
    request.recipients[0].original_recipient = "rfc822;a+0D+0AStatus: 2.0.0";
    request.recipients[0].remote_mta = "evil\r\nX-Evil: 1";
    request.envelope_id = "x\r\nReporting-MTA: dns; evil";
    const std::string odd = "Subject: =?UTF-8?Q?a=0D=0AX-Evil:_1?= {{operator}}\r\nMessage-ID: <a b@c>\r\n\r\n";
    request.content = odd;
    const std::string text = built(request);
    CHECK_FALSE(has(text, "\r\nX-Evil"));
    CHECK_FALSE(has(text, "\r\nAction: delivered"));
    CHECK_FALSE(has(text, "\r\nStatus: 2.0.0"));
    CHECK_FALSE(has(text, "\r\nReporting-MTA: dns; evil"));
    CHECK_FALSE(has(text, "In-Reply-To"));
    CHECK(has(text, "{{operator}}"));
}

TEST_CASE("text that is not ASCII is encoded, and only a returned message needs eight bits")
{
    auto request = request_for(Kind::failure);
    request.ret = mail::Return::headers;
    const auto plain = report::build(request);
    REQUIRE(plain);
    CHECK_FALSE(plain->needs_8bit);
    CHECK_FALSE(plain->smtputf8);
    CHECK(has(plain->content, "H=C3=B6rung"));
    const std::string eight = original + "\xFF\xFE\r\n";
    request.content = eight;
    request.ret = mail::Return::full;
    const auto full = report::build(request);
    REQUIRE(full);
    CHECK(full->needs_8bit);
    CHECK_FALSE(full->smtputf8);
    CHECK(has(full->content, "\xFF\xFE\r\n"));
}

TEST_CASE("a message with UTF-8 addresses gets the forms of RFC 6533")
{
    auto request = request_for(Kind::failure);
    request.smtputf8 = true;
    request.recipients[0].address = "jürgen@crowncourt.example.cjsm.net";
    request.recipients[0].original_recipient.clear();
    const auto made = report::build(request);
    REQUIRE(made);
    CHECK(made->smtputf8);
    CHECK(made->needs_8bit);
    CHECK(has(made->content, "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit"));
    CHECK(has(made->content, "Final-Recipient: utf-8; jürgen@crowncourt.example.cjsm.net\r\n"));
    CHECK(has(made->content, "Content-Type: message/global-headers\r\n"));
}

TEST_CASE("a report to nobody, about nobody or without an id is none")
{
    auto request = request_for(Kind::failure);
    request.sender.clear();
    CHECK_FALSE(report::build(request));
    request = request_for(Kind::failure);
    request.recipients.clear();
    CHECK_FALSE(report::build(request));
    request = request_for(Kind::failure);
    request.report_id = "x\r\n";
    CHECK_FALSE(report::build(request));
}

TEST_CASE("an original that knows the boundary can't end its part")
{
    auto request = request_for(Kind::failure);
    const std::string knowing = original + "--=_postern_" + request.report_id + "--\r\nfree\r\n";
    request.content = knowing;
    request.ret = mail::Return::full;
    CHECK(has(built(request), "boundary=\"=_postern_" + request.report_id + "_\""));
}

TEST_CASE("two hundred recipients are one report, and each is named once in either part")
{
    auto request = request_for(Kind::failure);
    request.recipients.resize(200, request.recipients[0]);
    const std::string text = built(request);
    std::size_t named = 0;
    for (std::size_t at = text.find("\r\nFinal-Recipient:"); at != text.npos;
         at = text.find("\r\nFinal-Recipient:", at + 1))
        ++named;
    CHECK(named == 200);
    CHECK(has(text, "These people have"));
}

TEST_CASE("quoted-printable keeps what it encodes within 76 columns")
{
    CHECK(report::quoted_printable("a=b \r\n\xC3\xB6\r\n") == "a=3Db=20\r\n=C3=B6\r\n");
    const std::string encoded = report::quoted_printable(std::string(200, 'x') + "\r\n");
    CHECK(encoded == std::string(75, 'x') + "=\r\n" + std::string(75, 'x') + "=\r\n" + std::string(50, 'x') + "\r\n");
}

TEST_CASE("text is wrapped between words, and goes on where it began")
{
    const std::string words = "    " + std::string(40, 'a') + " " + std::string(40, 'b');
    CHECK(report::wrapped(words + "\n\n\n\nx  \n\n") ==
          "    " + std::string(40, 'a') + "\r\n    " + std::string(40, 'b') + "\r\n\r\nx\r\n");
}
