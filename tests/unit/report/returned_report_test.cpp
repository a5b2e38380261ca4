#include "report/returned_report.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using report::ReturnedReport;
using vocabulary::Heard;

namespace {

std::string crlf(std::string text)
{
    for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 2) text.replace(at, 1, "\r\n");
    return text;
}

/// A multipart/report with these lines in its part for machines, and `last` as its third part.
std::string a_report(const std::string& type, const std::string& machine, const std::string& last = {},
                     const std::string& fields = {})
{
    std::string text =
        "From: MAILER-DAEMON@crowncourt.example\nContent-Type: multipart/report; report-type=x; boundary=\"b\"\n\n"
        "--b\nContent-Type: text/plain\n\nWhat happened.\n\n--b\nContent-Type: message/" +
        type + "\n" + fields + "\n" + machine + "\n";
    if (!last.empty()) text += "--b\n" + last + "\n";
    return crlf(text + "--b--\n");
}

Result<std::optional<ReturnedReport>> read(const std::string& content)
{
    return report::read_returned_report(content, *mail::Header::parse(content));
}

ReturnedReport readable(const std::string& content)
{
    auto got = read(content);
    if (!got) FAIL(got.error().describe());
    REQUIRE(got->has_value());
    return std::move(**got);
}

std::string why_not(const std::string& content)
{
    const auto got = read(content);
    REQUIRE_FALSE(got);
    return got.error().describe();
}

const std::string displayed =
    "Reporting-UA: mail.crowncourt.example; Outlook\n"
    "Final-Recipient: rfc822;listing@crowncourt.example\n"
    "Original-Message-ID: <1@greenstonechambers.co.uk>\n"
    "Disposition: manual-action/MDN-sent-manually; displayed\n";

const std::string delivered =
    "Original-Envelope-Id: QQ+31\nReporting-MTA: dns; mail.crowncourt.example\n\n"
    "Original-Recipient: rfc822; listing@crowncourt.example.cjsm.net\n"
    "Final-Recipient: rfc822; listing@crowncourt.example\nAction: delivered (into a mailbox)\nStatus: 2.0.0\n\n"
    "Final-Recipient: RFC822; gone@crowncourt.example\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 no such\n desk\n";

}  // namespace

TEST_CASE("a read report says who read which message, and how")
{
    const auto got = readable(a_report("disposition-notification", displayed));
    CHECK(got.kind == ReturnedReport::Kind::disposition);
    CHECK(got.message_id == "<1@greenstonechambers.co.uk>");
    REQUIRE(got.fates.size() == 1);
    CHECK(got.fates[0].heard == Heard::read);
    CHECK(got.fates[0].final_recipient == "listing@crowncourt.example");
    CHECK(got.fates[0].words == "displayed, manual-action/MDN-sent-manually");
}

TEST_CASE("a delivery report tells of each recipient")
{
    const auto got = readable(a_report("delivery-status", delivered));
    CHECK(got.kind == ReturnedReport::Kind::delivery);
    CHECK(got.envelope_id == "QQ+31");
    REQUIRE(got.fates.size() == 2);
    CHECK(got.fates[0].heard == Heard::delivered);
    CHECK(got.fates[0].original_recipient == "listing@crowncourt.example.cjsm.net");
    CHECK(got.fates[1].heard == Heard::failed);
    CHECK(got.fates[1].words == "5.1.1 smtp; 550 5.1.1 no such desk");
}

TEST_CASE("the head of the original is found as a header, and in front of a whole message")
{
    const std::string head = "Postern-Trace: v1 x\nMessage-ID: <2@greenstonechambers.co.uk>\nSubject: x\n";
    const std::vector<std::string> parts{
        "Content-Type: text/rfc822-headers\n\n" + head, "Content-Type: message/rfc822\n\n" + head + "\nBody\n",
        "Content-Type: message/rfc822\n\n" + head + "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nOne\n--c--\n"};
    for (const std::string& part : parts) {
        const auto got = readable(a_report("delivery-status", delivered, part));
        CHECK(got.message_id == "<2@greenstonechambers.co.uk>");
        CHECK(got.returned_head.starts_with("Postern-Trace: v1 x\r\n"));
    }
}

TEST_CASE("ids that differ within one report are no ids")
{
    const auto other = "Content-Type: text/rfc822-headers\n\nMessage-ID: <2@greenstonechambers.co.uk>\n";
    CHECK(why_not(a_report("disposition-notification", displayed, other)).find("two messages") != std::string::npos);
}

TEST_CASE("base64, lone line feeds, comments and addresses outside ASCII are read as they are meant")
{
    const auto got = readable(a_report(
        "disposition-notification",
        "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAYi5leGFtcGxlCkRpc3Bvc2l0aW9uOiBhdXRvbWF0aWMtYWN0aW9uL01ETi1zZW50LWF1dG9t\n"
        "YXRpY2FsbHk7IGRlbGV0ZWQK\n",
        {}, "Content-Transfer-Encoding: base64\n"));
    CHECK(got.fates[0].heard == Heard::deleted);
    CHECK(got.fates[0].final_recipient == "a@b.example");
    const auto utf8 =
        readable(a_report("global-disposition-notification",
                          "Final-Recipient: utf-8; (who) <j\\x{F6}rg@b.example>\nDisposition: x/y; displayed\n"));
    CHECK(utf8.fates[0].final_recipient == "j\xc3\xb6rg@b.example");
}

TEST_CASE("an address that is none of mail is none, not a guess")
{
    CHECK(readable(a_report("disposition-notification",
                            "Final-Recipient: x400; C=GB/S=listing\nDisposition: x/y; displayed\n"))
              .fates[0]
              .final_recipient.empty());
}

TEST_CASE("what is malformed says nothing at all")
{
    const auto mdn = [](const std::string& text) { return a_report("disposition-notification", text); };
    const auto dsn = [](const std::string& text) { return a_report("delivery-status", text); };
    const std::string to = "Final-Recipient: rfc822; a@b.example\n";
    CHECK_FALSE(read(mdn("")));
    CHECK_FALSE(read(mdn(to)));
    CHECK_FALSE(read(mdn("Disposition: x/y; displayed\n")));
    CHECK_FALSE(read(mdn(to + "Disposition: x/y; adored\n")));
    CHECK_FALSE(read(mdn(to + "Disposition: displayed\n")));
    CHECK_FALSE(read(mdn(to + to + "Disposition: x/y; displayed\n")));
    CHECK_FALSE(read(mdn(to + "Disposition: x/y; displayed\n\n" + to + "Disposition: x/y; displayed\n")));
    CHECK_FALSE(read(mdn(to + "Disposition: x/y; displayed\nno field\n")));
    CHECK_FALSE(read(dsn(to + "Action: delivered\nStatus: 2.0.0\n")));  // no group for the message
    CHECK_FALSE(read(dsn("Reporting-MTA: dns; a\n\n" + to + "Action: delivered\nStatus: 5.1.1\n")));
    CHECK_FALSE(read(dsn("Reporting-MTA: dns; a\n\n" + to + "Action: delivered\n")));
    CHECK_FALSE(read(dsn("Reporting-MTA: dns; a\n\n" + to + "Action: eaten\nStatus: 2.0.0\n")));
    CHECK(read(dsn("Reporting-MTA: dns; a\n\n" + to + "Action: failed\nStatus: 4.4.7\n")));  // RFC 3464 section 2.3.4
    CHECK_FALSE(
        read(a_report("disposition-notification", displayed, "Content-Type: message/delivery-status\n\n" + to)));
}

TEST_CASE("a report over its bounds says nothing")
{
    std::string many = "Reporting-MTA: dns; a\n";
    for (std::size_t i = 0; i <= report::most_reported; ++i)
        many += "\nFinal-Recipient: rfc822; a@b.example\nAction: delivered\nStatus: 2.0.0\n";
    CHECK(why_not(a_report("delivery-status", many)).find("too many") != std::string::npos);
    CHECK(why_not(a_report("delivery-status", delivered + "X: " + std::string(report::longest_report, 'x') + "\n"))
              .find("too large") != std::string::npos);
}

TEST_CASE("mail that is no report is none, whatever it holds")
{
    const auto none = [](const std::string& content) {
        const auto got = read(content);
        return got && !*got;
    };
    CHECK(none("Subject: x\r\n\r\nbody\r\n"));
    CHECK(none(
        crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/disposition-notification\n\n" +
             displayed + "\n--b--\n")));
    CHECK(none(crlf("Content-Type: multipart/report; boundary=b\n\n--b\n\nOnly text\n--b--\n")));
}
