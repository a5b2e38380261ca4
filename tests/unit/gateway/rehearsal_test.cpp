#include "gateway/rehearsal.hpp"

#include "gateway/explanation.hpp"
#include "gateway/made_message.hpp"
#include "gateway/policy_tests.hpp"
#include "policy/loader.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::gateway;

namespace {

policy::SnapshotPtr demo()
{
    static const policy::SnapshotPtr loaded = policy::Loader(POSTERN_SOURCE_DIR "/rules").load(7).snapshot;
    REQUIRE(loaded);
    return loaded;
}

mail::Address address(const char* text)
{
    return *mail::Address::parse(text);
}

RehearsedMail hearing(std::vector<const char*> to)
{
    RehearsedMail mail;
    mail.from = address("eric.brown@greenstonechambers.co.uk");
    for (const auto* recipient : to) mail.to.push_back(address(recipient));
    mail.content = std::make_shared<const std::string>(
        "From: eric.brown@greenstonechambers.co.uk\r\nTo: listing@crowncourt.example.cjsm.net\r\nSubject: Hearing\r\n"
        "Bcc: somebody@example.org\r\n\r\nHello.\r\n");
    mail.at = from_micros(1'800'000'000'000'000);
    return mail;
}

RehearsalDesk desk()
{
    RehearsalDesk asked;
    asked.policy = demo();
    return asked;
}

PolicyTestReport run(const std::string& tests, policy::FileSet more = {})
{
    more["tests/a.yaml"] = tests;
    return run_policy_tests(demo(), more);
}

}  // namespace

TEST_CASE("a rehearsal shows verdict, route and the copy as it goes out", "[rehearsal]")
{
    const auto rehearsed = rehearse(desk(), hearing({"listing@crowncourt.example.cjsm.net"}));
    REQUIRE(rehearsed.organisation == "greenstone");
    REQUIRE(rehearsed.sender == "eric.brown@greenstonechambers.co.uk.cjsm.net");
    REQUIRE(rehearsed.recipients.size() == 1);
    const auto& recipient = rehearsed.recipients.front();
    CHECK(recipient.verdict == "deliver");
    CHECK(recipient.organisation == "crown-court");
    CHECK(recipient.hop_address == "listing@crowncourt.example");
    CHECK(recipient.subject == "CJSM: Hearing");
    CHECK(recipient.route.find("deliver_to") != std::string::npos);
    CHECK(!recipient.next_hop.empty());
    const auto bcc = std::ranges::find(recipient.changes, "Bcc", &FieldChange::name);
    REQUIRE(bcc != recipient.changes.end());
    CHECK(bcc->what == FieldChange::What::removed);
    CHECK(std::ranges::any_of(
        recipient.rules, [](const std::string& rule) { return rule.find("secure-subject") != std::string::npos; }));
}

TEST_CASE("who is not listed, and who is not known at all, is refused with the text that a server would read",
          "[rehearsal]")
{
    const PeopleIndex people(*demo(), {});
    auto asked = desk();
    asked.people = &people;
    auto mail = hearing({"office@smithsolicitors.co.uk.cjsm.net", "someone@elsewhere.example"});
    mail.from = address("listing@crowncourt.example");
    const auto rehearsed = rehearse(asked, mail);
    REQUIRE(rehearsed.recipients.size() == 2);
    CHECK(rehearsed.recipients[0].verdict == "refuse");
    CHECK(rehearsed.recipients[0].reply.starts_with("550 5.1.1 There is no <office@smithsolicitors.co.uk.cjsm.net>"));
    CHECK(rehearsed.recipients[1].verdict == "refuse");
    CHECK(rehearsed.recipients[1].reply.starts_with("550 5.7.1"));
    CHECK(rehearsed.answer == rehearsed.recipients[0].reply);
}

TEST_CASE("what a rehearsal has to assume it says", "[rehearsal]")
{
    const auto rehearsed = rehearse(desk(), hearing({"office@smithsolicitors.co.uk.cjsm.net"}));
    REQUIRE(rehearsed.recipients.front().verdict == "deliver");
    CHECK(std::ranges::any_of(rehearsed.notes, [](const std::string& note) {
        return note.find("the directory was not asked: <office@smithsolicitors.co.uk>") != std::string::npos;
    }));
}

TEST_CASE("mail of nobody is refused like a stranger's", "[rehearsal]")
{
    auto mail = hearing({"listing@crowncourt.example.cjsm.net"});
    mail.from = address("x@elsewhere.example");
    CHECK(rehearse(desk(), mail).recipients.front().verdict == "refuse");
    mail.connects_from = "nobody";
    CHECK(rehearse(desk(), mail).recipients.front().detail.find("there is no organisation") != std::string::npos);
}

TEST_CASE("a made message is one that programs read as it was meant", "[rehearsal]")
{
    policy::TestGiven given;
    given.from = address("a@one.example");
    given.to = {address("b@two.example")};
    given.message.subject = "Prüfung";
    given.message.size = 20'000;
    policy::TestAttachment attachment;
    attachment.name = "Übersicht.pdf";
    attachment.type = "application/pdf";
    attachment.detected_type = "application/zip";
    attachment.text = "PK";
    given.message.attachments.push_back(attachment);
    const auto made = make_message(given, from_micros(1'800'000'000'000'000), {});
    CHECK(made.content->size() == 20'000);
    const auto structure = mail::read_structure(*made.content, false);
    REQUIRE(structure.parts.size() == 2);
    CHECK(!structure.malformed);
    CHECK(structure.parts[1].name == "Übersicht.pdf");
    CHECK(structure.parts[1].size == 2);
    REQUIRE(made.inspection.parts.size() == 2);
    CHECK(made.inspection.parts[1].detected_type == "application/zip");
    const auto header = mail::Header::parse(*made.content);
    REQUIRE(header);
    CHECK(mail::decode_text(header->find("Subject")->value) == "Prüfung");
    CHECK(as_carried("a\nb\r\nc") == "a\r\nb\r\nc\r\n");
}

TEST_CASE("a policy's tests pass, fail with what came, and name rules that none reached", "[policy-tests]")
{
    const auto report = run(R"(tests:
  - name: tagged once
    given: { connects_from: greenstone, from: eric.brown@greenstonechambers.co.uk,
             to: [listing@crowncourt.example.cjsm.net], message: { subject: "Listing", size: 20 KiB } }
    expect: { verdict: deliver, organisation: crown-court, subject: "CJSM: Listing", rule: secure-subject,
              headers: { X-Secure-Email: "generation=*", X-Other: absent } }
  - name: wrong
    given: { from: eric.brown@greenstonechambers.co.uk, to: listing@crowncourt.example.cjsm.net }
    expect: { verdict: refuse, reply: "5.7.1 *" }
)");
    REQUIRE(report.diagnostics.empty());
    REQUIRE(report.outcomes.size() == 2);
    CHECK(report_text(report, "rules").find("rules/tests/a.yaml:7:11: FAILED wrong") != std::string::npos);
    CHECK(report.outcomes[0].mismatches.empty());
    REQUIRE(report.outcomes[1].mismatches.size() == 2);
    CHECK(report.outcomes[1].mismatches[0].expected == "refuse");
    CHECK(report.outcomes[1].mismatches[0].came == "deliver");
    CHECK(report.failed == 1);
    CHECK(!report.good());
    const auto named = [&](std::string_view name) {
        return std::ranges::any_of(report.unreached, [&](const auto& rule) { return rule.ends_with(name); });
    };
    CHECK(named(" small-for-custody"));
    CHECK(!named(" secure-subject"));
    CHECK(failures_of(report).front().file == "tests/a.yaml");
}

TEST_CASE("tests say who is listed: for a file, by directory.yaml, or everybody", "[policy-tests]")
{
    const std::string test = R"(tests:
  - name: custody is a desk with small machines
    given: { from: listing@crowncourt.example, to: custody@northshire.police.example.cjsm.net,
             message: { size: 100 KiB } }
    expect: { verdict: deliver, limit: 5 MiB, rule: small-for-custody }
)";
    const std::string people = "people:\n  - { address: custody@northshire.police.example, function: custody }\n";
    CHECK(run(people + test).good());
    CHECK(!run(test).good());
    CHECK(run(test, {{"directory.yaml",
                      "organisations:\n  northshire-police:\n    functions:\n      - { address: "
                      "custody@northshire.police.example, function: custody, owner: "
                      "control@northshire.police.example }\n"}})
              .good());
}

TEST_CASE("tests that are not fit are not run", "[policy-tests]")
{
    const auto report =
        run("tests:\n  - name: a\n    given: { from: a@b.example, to: c@d.example, connects_from: "
            "greenstones }\n    expect: { verdict: deliver }\n");
    CHECK(!report.good());
    CHECK(report.outcomes.empty());
    CHECK(report.diagnostics.front().remedy == "did you mean \"greenstone\"?");
}
