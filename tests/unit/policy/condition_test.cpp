// Conditions: what they match, and the three answers.
#include "policy/condition.hpp"
#include "policy/yaml_reader.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::policy;
using vocabulary::Facts;
using vocabulary::Stage;

namespace {

When when(const std::string& yaml, Stage stage = Stage::message)
{
    Diagnostics diagnostics;
    Source source("test.yaml", yaml, diagnostics);
    const auto tree = read_yaml(source);
    When read;
    if (tree) read = read_condition(source, &*tree, stage);
    INFO(render(diagnostics, "rules"));
    REQUIRE(diagnostics.empty());
    return read;
}

/// Mail from Greenstone to a court.
struct Mail {
    vocabulary::Organisation sender_organisation;
    vocabulary::Organisation recipient_organisation;
    mail::Address sender = mail::Address::parse("eric.brown@greenstonechambers.co.uk.cjsm.net").value();
    mail::Address recipient = mail::Address::parse("listing@crowncourt.example.cjsm.net").value();
    std::string content =
        "Subject: =?utf-8?Q?Caf=C3=A9?= listing\r\nX-Marking: open\r\nX-Marking: SECRET\r\n\r\nbody\r\n";
    mail::Header header = mail::Header::parse(content).value();
    Facts facts;

    Mail()
    {
        sender_organisation.id = "greenstone";
        sender_organisation.domains.push_back({mail::Domain::parse("greenstonechambers.co.uk").value(),
                                               mail::Domain::parse("greenstonechambers.co.uk.cjsm.net").value()});
        recipient_organisation.id = "crown-court";
        recipient_organisation.kind_of_body = "court";
        recipient_organisation.roles = {"cleared", "night"};
        facts.stage = Stage::message;
        facts.peer = vocabulary::parse_ip("203.0.113.9").value();
        facts.tls = true;
        facts.sender = &sender;
        facts.sender_organisation = &sender_organisation;
        facts.recipient = &recipient;
        facts.recipient_organisation = &recipient_organisation;
        facts.recipient_inside = true;
        facts.size = 5 << 20;
        facts.content = content;
        facts.header = &header;
        // Saturday, 21:30.
        facts.time = Instant{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}.time_since_epoch() +
                             std::chrono::minutes{21 * 60 + 30}};
    }
    [[nodiscard]] bool holds(const std::string& yaml) const { return evaluate(when(yaml), facts) == Truth::yes; }
};

}  // namespace

TEST_CASE("text matches as a case-blind glob, as a regular expression, or literally")
{
    const Mail mail;
    CHECK(mail.holds("sender.address: ERIC.*@greenstone*"));
    CHECK(mail.holds("sender.address: eric.brown@greenstonechambers.co.uk"));
    CHECK(mail.holds("sender.domain: greenstonechambers.co.uk"));
    CHECK(mail.holds("sender.address: '/^eric\\..*net$/'"));
    CHECK(!mail.holds("sender.address: '/^ERIC/'"));
    CHECK(mail.holds("sender.address: '/^ERIC/i'"));
    CHECK(!mail.holds("sender.address: '=eric*'"));
    CHECK(!mail.holds("sender.address: eric"));
    CHECK(mail.holds("message.subject: caf? listing"));
    CHECK(mail.holds("header.X-Marking: secret"));
    CHECK(mail.holds("recipient.domain: [nowhere.example, '*.cjsm.net']"));
}

TEST_CASE("a hostile subject costs a glob or an expression little")
{
    const std::string many(10'000, 'a');
    REQUIRE(!matches(parse_text_matcher("*a*a*a*a*a*a*a*a*a*a*a*a*a*b").value(), {many, many}));
    REQUIRE(!matches(parse_text_matcher("/(a+)+b/").value(), {many, many}));
    REQUIRE(!parse_text_matcher(std::string(300, 'a')));
    REQUIRE(!parse_text_matcher("/((a{1000}){1000}){1000}/"));
}

TEST_CASE("sizes compare, times go over midnight, networks match by containment")
{
    const Mail mail;
    CHECK(mail.holds("message.size: '> 4 MiB'"));
    CHECK(!mail.holds("message.size: '> 5 MiB'"));
    CHECK(mail.holds("message.size: '>= 5 MiB'"));
    CHECK(mail.holds("message.size: { between: [1 MiB, 5 MiB] }"));
    CHECK(mail.holds("message.size: ['< 1 MiB', '= 5 MiB']"));
    CHECK(mail.holds("time: { between: ['20:00', '06:00'] }"));
    CHECK(!mail.holds("time: { between: ['06:00', '20:00'] }"));
    CHECK(mail.holds("time.weekday: [saturday, sunday]"));
    CHECK(mail.holds("connection.address: [192.0.2.0/24, 203.0.113.8/29]"));
    CHECK(!mail.holds("connection.address: 203.0.113.10"));
    CHECK(mail.holds("connection.tls: true"));
}

TEST_CASE("all entries hold, a list means any, not means none")
{
    const Mail mail;
    CHECK(mail.holds("{ sender.organisation: greenstone, recipient.organisation: [smith, crown-court] }"));
    CHECK(!mail.holds("{ sender.organisation: greenstone, recipient.organisation: smith }"));
    CHECK(mail.holds("any: [{ recipient.organisation: smith }, { recipient.organisation.kind_of_body: court }]"));
    CHECK(mail.holds("not: { recipient.organisation: smith }"));
    CHECK(!mail.holds("not: [{ recipient.organisation: smith }, { recipient.organisation: crown-court }]"));
    CHECK(mail.holds("recipient.organisation.role: night"));
    CHECK(!mail.holds("not: { recipient.organisation.role: night }"));
    CHECK(!mail.holds("not: { header.X-Marking: secret }"));
}

TEST_CASE("an absent field matches only absent")
{
    const Mail mail;
    CHECK(mail.holds("recipient.function: absent"));
    CHECK(!mail.holds("recipient.function: '*'"));
    CHECK(!mail.holds("recipient.function: 'absent'"));
    CHECK(!mail.holds("sender.address: absent"));
    CHECK(mail.holds("header.X-Nothing: absent"));
    CHECK(mail.holds("not: { header.X-Nothing: '*' }"));
}

TEST_CASE("what is not known yet makes a condition unknown, unless the rest decides")
{
    Mail mail;
    mail.facts.stage = Stage::recipient;
    const auto answer = [&](const std::string& yaml) { return evaluate(when(yaml), mail.facts); };
    CHECK(answer("message.subject: x") == Truth::unknown);
    CHECK(answer("not: { message.subject: x }") == Truth::unknown);
    CHECK(answer("{ message.subject: x, sender.organisation: smith }") == Truth::no);
    CHECK(answer("{ message.subject: x, sender.organisation: greenstone }") == Truth::unknown);
    CHECK(answer("any: [{ message.subject: x }, { sender.organisation: greenstone }]") == Truth::yes);
    CHECK(answer("any: [{ message.subject: x }, { sender.organisation: smith }]") == Truth::unknown);
    CHECK(answer("not: [{ message.subject: x }, { sender.organisation: greenstone }]") == Truth::no);
}

TEST_CASE("only what demands a member or an alert keeps mail inside")
{
    const auto keeps = [](const std::string& yaml) { return keeps_mail_inside(*when(yaml).condition); };
    CHECK(keeps("recipient.inside: true"));
    CHECK(keeps("recipient.organisation: smith"));
    CHECK(keeps("{ recipient.function: custody, sender.organisation: smith }"));
    CHECK(keeps("{ origin: alert, recipient.inside: false }"));
    CHECK(keeps("not: { recipient.inside: false }"));
    CHECK(keeps("any: [{ recipient.inside: true }, { origin: alert }]"));
    CHECK(!keeps("recipient.inside: false"));
    CHECK(!keeps("recipient.inside: [true, false]"));
    CHECK(!keeps("recipient.organisation: [smith, absent]"));
    CHECK(!keeps("recipient.domain: '*.cjsm.net'"));
    CHECK(!keeps("origin: [alert, member]"));
    CHECK(!keeps("not: { recipient.inside: true }"));
    CHECK(!keeps("not: { recipient.inside: false, sender.organisation: smith }"));
    CHECK(!keeps("not: { recipient.organisation: smith }"));
    CHECK(!keeps("any: [{ recipient.inside: true }, { sender.organisation: smith }]"));
}
