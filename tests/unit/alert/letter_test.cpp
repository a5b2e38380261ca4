// What people read: everything inside; outside nothing but the kind of event, the time, the service and what to do.
#include "alert/letter.hpp"
#include "alert/ways.hpp"

#include <catch2/catch.hpp>

using namespace postern;

namespace {

const alert::Service service{"cjsm.net", "mx.cjsm.net", "postmaster@cjsm.net"};
const Instant noon{std::chrono::hours{12}};

store::AlertRecord virus()
{
    store::AlertRecord alert;
    alert.id = "01JD7Q0000000000000000ALRT";
    alert.rule = "virus";
    alert.event = vocabulary::EventId::virus_found;
    alert.object = "01JD7Q000000000000000MESSG";
    alert.at = noon;
    alert.text = "Win.Test.EICAR_HDB-1 in invoice.zip";
    alert.fields = {{"sender.address", "eric.brown@greenstonechambers.co.uk.cjsm.net"},
                    {"sender.organisation", "greenstone"},
                    {"recipient.address", "listing@crowncourt.example.cjsm.net"},
                    {"message.subject", "R v Smith"},
                    {"attachment.name", "invoice.zip"},
                    {"signature", "Win.Test.EICAR_HDB-1"},
                    {"digest", "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"}};
    alert.suppressed = 3;
    return alert;
}

bool holds(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("inside, the built-in text says everything that is known")
{
    const auto text = alert::full_text(virus(), false, "ops@cjsm.net", {}, service);
    for (const auto& [name, value] : virus().fields) CHECK(holds(text.text, value));
    CHECK(holds(text.text, "3 more"));
    CHECK(holds(text.text, "postern alert acknowledge " + virus().id));
    CHECK(holds(alert::full_text(virus(), true, "ops@cjsm.net", {}, service).subject, "Not acknowledged"));
}

TEST_CASE("whoever sent the message is told whom to ask, and nothing that only operators can do")
{
    const auto text =
        alert::full_text(virus(), false, "Eric.Brown@greenstonechambers.co.uk.cjsm.net", {}, service).text;
    CHECK(holds(text, "Win.Test.EICAR_HDB-1 in invoice.zip"));
    CHECK(holds(text, service.operator_address));
    CHECK_FALSE(holds(text, "acknowledge"));
}

TEST_CASE("outside, nothing of the event but its kind can be found")
{
    const auto text = alert::notice_text(alert::notice_of(virus().event, virus().at, service));
    const auto mail = alert::compose(text, "duty@outside.example", "unrelated", noon, service);
    for (const auto& [name, value] : virus().fields) CHECK_FALSE(holds(mail, value));
    for (const auto& secret :
         {virus().id, virus().object, virus().text, std::string("http"), std::string("alert acknowledge")})
        CHECK_FALSE(holds(mail, secret));
    CHECK(holds(mail, "A virus was found in a message"));
    CHECK(holds(mail, "1 Jan 1970, 12:00 UTC"));
    CHECK(holds(mail, "cjsm.net"));
}

// Values as an enemy would choose them: tags, line ends, headers, links, names of our own values.
TEST_CASE(
    "a rule's own text for addresses outside has nothing to name but what a notice has, whatever an event carries")
{
    auto hostile = virus();
    const std::vector<std::string> values{"eve{{what}}@evil.example",
                                          "{{{text}}} {{#fields}}x{{/fields}}",
                                          "hello\r\nBcc: victim@elsewhere.example\r\n\r\nhttps://evil.example/?t=TOKEN",
                                          "\xE2\x80\xAE"
                                          "cod.exe",
                                          std::string(5000, 'A'),
                                          "{{advice}}\nSubject: x",
                                          "=?utf-8?Q?SECRET?="};
    for (std::size_t i = 0; i < hostile.fields.size(); ++i) hostile.fields[i].second = values[i % values.size()];
    for (const auto* extra : {"what", "time", "service", "advice", "sender", "link"})
        hostile.fields.emplace_back(extra, std::string("HOSTILE-") + extra);
    hostile.text = "HOSTILE text {{signature}}";
    hostile.object = hostile.id = hostile.rule = "HOSTILE";

    // What the loader refuses is tried as well: these names are empty all the same.
    vocabulary::AlertPolicy policy;
    vocabulary::AlertRule rule;
    rule.name = hostile.rule;
    rule.notice_file = "outside.txt";
    policy.rules.push_back(rule);
    policy.notices["outside.txt"] = {
        "{{what}} at {{service}} {{sender.address}}{{text}}",
        "{{what}}, {{time}}. {{advice}}\n[{{sender.address}}{{message.subject}}{{attachment.name}}{{alert}}{{object}}"
        "{{text}}{{sender}}{{link}}{{note}}{{rule}}{{digest}}]\n"};
    const auto* form = alert::notice_form(policy, hostile.rule);
    REQUIRE(form != nullptr);
    const auto notice = alert::notice_of(hostile.event, hostile.at, service);
    for (const auto* used : {form, static_cast<const vocabulary::MailTemplate*>(nullptr)}) {
        const auto mail =
            alert::compose(alert::notice_text(notice, used), "duty@outside.example", "unrelated", noon, service);
        for (const auto& [name, value] : hostile.fields) CHECK_FALSE(holds(mail, value));
        for (const char* part : {"evil", "HOSTILE", "victim", "TOKEN", "://", "Bcc", "AAAA", "cod.exe", "SECRET"})
            CHECK_FALSE(holds(mail, part));
        CHECK(holds(mail, "A virus was found in a message"));
    }
    const auto filled = alert::notice_text(notice, form);
    CHECK(filled.subject == "A virus was found in a message at cjsm.net");
    CHECK(holds(filled.text, "\n[]\n"));
}

TEST_CASE("every event has a notice, without a link and in plain letters")
{
    for (const auto& event : vocabulary::events()) {
        const auto text = alert::notice_text(alert::notice_of(event.id, noon, service));
        CHECK(holds(text.subject, std::string(event.title)));
        CHECK_FALSE(holds(text.text, "://"));
        CHECK_FALSE(holds(text.text, "{{"));
    }
}

TEST_CASE("a message is of 7 bits whatever its text, and no value makes a header")
{
    vocabulary::MailTemplate text{"Störung\r\nBcc: x@y.example", "Ünicode " + std::string(2000, 'x') + "\n"};
    text.subject = vocabulary::fill({"{{x}}", "."}, {{"x", text.subject}}).subject;
    const auto mail = alert::compose(text, "ops@cjsm.net", "id", noon, service);
    CHECK(std::ranges::all_of(mail, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    CHECK(holds(mail, "Content-Transfer-Encoding: base64\r\n"));
    CHECK_FALSE(holds(mail, "\r\nBcc:"));
}

TEST_CASE("a webhook's body is signed, and syslog lines are one line")
{
    // RFC 4231 test case 2.
    CHECK(alert::webhook_signature("Jefe", "what do ya want for nothing?") ==
          "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    auto record = virus();
    record.text = "two\nlines";
    vocabulary::Syslog remote;
    remote.way = vocabulary::Syslog::Way::tls;
    const auto line = alert::syslog_line(record, false, service, remote);
    CHECK(line.starts_with("<26>1 1970-01-01T12:00:00.000000Z mx.cjsm.net postern "));
    CHECK(line.find('\n') == std::string::npos);
    CHECK(holds(alert::webhook_body(record, true, service), "\"escalation\":true"));
}
