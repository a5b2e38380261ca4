// content.yaml: what rules order, in which order, and what a recipient meets that can't be decided.
#include "policy_folder.hpp"

using namespace postern;
using namespace postern::policy;
using policy::test::faults_of;
using policy::test::policy_with;
using vocabulary::Facts;
using vocabulary::Stage;
using Verdict = ContentDecision::Verdict;

namespace {

/// A message with two attachments from Greenstone to the court, as the accept path knows it.
struct Mail {
    SnapshotPtr policy;
    mail::Address sender = mail::Address::parse("eric.brown@greenstonechambers.co.uk.cjsm.net").value();
    mail::Address recipient = mail::Address::parse("listing@crowncourt.example.cjsm.net").value();
    std::string content = "Subject: Listing\r\nFrom: Eric <eric.brown@greenstonechambers.co.uk>\r\n\r\nbody\r\n";
    mail::Header header = mail::Header::parse(content).value();
    mail::Structure structure;
    vocabulary::Inspection inspection;
    Facts facts;

    explicit Mail(SnapshotPtr snapshot) : policy(std::move(snapshot))
    {
        structure.parts.resize(3);
        structure.parts[1] = part("report.pdf", "application/pdf", 1000);
        structure.parts[2] = part("photos.ZIP", "application/zip", 3 << 20);
        inspection.parts.resize(3);
        inspection.parts[1].detected_type = "application/pdf";
        inspection.parts[2].detected_type = "application/zip";
        inspection.parts[2].members = {"a.jpg", "run.exe"};
        facts.stage = Stage::message;
        facts.sender = &sender;
        facts.sender_organisation = policy->organisation("greenstone");
        facts.recipient = &recipient;
        facts.recipient_organisation = policy->organisation("crown-court");
        facts.recipient_inside = true;
        facts.size = 4 << 20;
        facts.recipients = 3;
        facts.content = content;
        facts.header = &header;
        facts.structure = &structure;
        facts.inspection = &inspection;
        facts.generation = 7;
    }

    static mail::Part part(const char* name, const char* type, std::uint64_t size)
    {
        mail::Part part;
        part.name = name;
        part.type = type;
        part.size = size;
        part.attachment = true;
        return part;
    }

    [[nodiscard]] ContentDecision decide(Trail* trail = nullptr) const { return policy->content(facts, {}, trail); }
};

Mail with_rules(const std::string& rules)
{
    return Mail(policy_with({{"content.yaml", "rules:\n" + rules}}));
}

bool holds(const std::string& condition)
{
    const auto mail = with_rules("  - { name: a, when: " + condition + ", then: reject }\n");
    return mail.decide().verdict == Verdict::reject;
}

}  // namespace

TEST_CASE("a rejected attachment is named to the sender, and it is the one that the rule meant")
{
    const auto mail = with_rules(R"(
  - name: no-archives
    when: { attachment.name: "*.zip" }
    then: { reject: "5.7.1 ${attachment.name} with ${attachment.size} is not carried" }
)");
    const auto decision = mail.decide();
    REQUIRE(decision.verdict == Verdict::reject);
    CHECK(decision.rule == "content.yaml:3 no-archives");
    CHECK(decision.rule_name == "no-archives");
    CHECK(decision.fault->retry() == Retry::never);
    CHECK(decision.fault->peer() == PeerText{50, {7, 1}, "photos.ZIP with 3 MiB is not carried"});
}

TEST_CASE("clauses about attachments in one map mean the same attachment")
{
    CHECK(holds("{ attachment.name: '*.zip', attachment.size: '> 1 MiB' }"));
    CHECK(!holds("{ attachment.name: '*.pdf', attachment.size: '> 1 MiB' }"));
    CHECK(holds("{ all: [{ attachment.name: '*.pdf' }, { attachment.size: '> 1 MiB' }] }"));
    CHECK(holds("{ attachment.member: '*.exe', attachment.detected_type: application/zip }"));
    CHECK(!holds("{ attachment.member: '*.exe', attachment.detected_type: application/pdf }"));
    CHECK(holds("{ attachment.count: 2 }"));
    CHECK(holds("{ attachment.count: { between: [1, 2] } }"));
    CHECK(!holds("{ attachment.count: '> 2' }"));
    CHECK(holds("{ not: { attachment.name: '*.exe' } }"));
    CHECK(!holds("{ not: { attachment.name: '*.pdf' } }"));
    CHECK(holds("{ attachment.encrypted: false }"));
    CHECK(!holds("{ attachment.name: absent }"));
    CHECK(holds("{ message.from: eric.brown@greenstonechambers.co.uk.cjsm.net }"));
    CHECK(holds("{ message.recipients: '> 2', message.structure: fine }"));
}

TEST_CASE("without attachments every field about them is absent")
{
    auto mail = with_rules("  - { name: a, when: { attachment.name: absent }, then: reject }\n");
    mail.structure.parts.resize(1);
    CHECK(mail.decide().verdict == Verdict::reject);
}

TEST_CASE("what nobody could look into defers and names no internals")
{
    auto mail = with_rules("  - { name: a, when: { attachment.detected_type: '*exe*' }, then: reject }\n");
    CHECK(mail.decide().verdict == Verdict::deliver);
    mail.facts.inspection = nullptr;
    const auto decision = mail.decide();
    REQUIRE(decision.verdict == Verdict::defer);
    CHECK(decision.fault->retry() == Retry::later);
    CHECK(decision.fault->peer().status == Status{7, 1});
    CHECK(decision.fault->peer().text.find("content.yaml") == std::string::npos);
    CHECK(decision.fault->detail().find("content.yaml:2 a") != std::string::npos);
    mail.facts.inspection = &mail.inspection;
    mail.structure.too_deep = true;
    CHECK(mail.decide().verdict == Verdict::defer);
}

TEST_CASE("the first verdict decides, and edits up to there add up in order")
{
    const auto mail = with_rules(R"(
  - { name: mark, then: [{ tag_subject: "LARGE: " }, { add_header: { X-A: "one ${message.subject}" } }] }
  - { name: note, when: { sender.organisation: greenstone }, then: { annotate: seen, set_limit: 2 MiB } }
  - { name: smaller, then: { set_limit: 1 MiB, add_recipient: [listing@cjsm.net, listing@cjsm.net] } }
  - { name: keep, then: { quarantine: { reason: "by hand", for: 3 days }, replace_header: { X-B: two } } }
  - { name: late, when: { recipient.inside: true }, then: { reject: "5.7.1 never reached", annotate: never } }
)");
    const auto decision = mail.decide();
    CHECK(decision.verdict == Verdict::quarantine);
    CHECK(decision.reason == "by hand");
    CHECK(decision.lasts == Duration(std::chrono::hours{72}));
    REQUIRE(decision.edits.size() == 2);
    CHECK(decision.edits[0].subject_prefix == "LARGE: ");
    CHECK(decision.edits[0].add_headers.at(0).second == "one Listing");
    CHECK(decision.edits[1].replace_headers.at(0).first == "X-B");
    CHECK(decision.notes == std::vector<std::string>{"seen"});
    CHECK(decision.limit == 1U << 20);
    CHECK(decision.limit_rule == "smaller");
    CHECK(decision.add_recipients.size() == 1);
    CHECK(decision.rules.size() == 4);
}

TEST_CASE("a release decides again but for the verdict of the rule that is named")
{
    const auto mail = with_rules(
        "  - { name: a, then: { quarantine: x, annotate: kept } }\n"
        "  - { name: b, then: { hold: y } }\n");
    const std::vector<std::string> overruled{"a"};
    CHECK(mail.policy->content(mail.facts, overruled).verdict == Verdict::hold);
    CHECK(mail.policy->content(mail.facts, overruled).notes == std::vector<std::string>{"kept"});
    CHECK(mail.decide().verdict == Verdict::quarantine);
}

TEST_CASE("who is refused is neither redirected nor copied")
{
    const auto mail = with_rules(
        "  - { name: a, then: { redirect: listing@cjsm.net } }\n"
        "  - { name: b, when: { message.subject: listing }, then: reject }\n");
    CHECK(!mail.decide().redirect_to);
}

TEST_CASE("a trail shows every rule with its clauses, what they saw and who decided")
{
    const auto mail = with_rules(R"(
  - { name: a, when: { sender.organisation: smith, message.subject: "*x*" }, then: reject }
  - { name: b, when: { attachment.name: "*.zip", attachment.size: "> 1 MiB" }, then: { reject: "5.7.1 no" } }
  - { name: c, when: { not: { recipient.inside: false } }, then: accept }
)");
    Trail trail;
    CHECK(mail.decide(&trail).verdict == Verdict::reject);
    REQUIRE(trail.rules.size() == 3);
    CHECK(trail.rules[0].held == Truth::no);
    REQUIRE(trail.rules[0].clauses.size() == 2);
    CHECK(trail.rules[0].clauses[0].place == "content.yaml:3:24");
    CHECK(trail.rules[0].clauses[0].field == "sender.organisation");
    CHECK(trail.rules[0].clauses[0].wanted == "smith");
    CHECK(trail.rules[0].clauses[0].saw == "greenstone");
    CHECK(trail.rules[1].held == Truth::yes);
    REQUIRE(trail.rules[1].clauses.size() == 3);
    CHECK(trail.rules[1].clauses[0].field == "one attachment");
    CHECK(trail.rules[1].clauses[1].saw == "report.pdf, photos.ZIP");
    CHECK(trail.rules[1].clauses[1].depth == 1);
    CHECK(trail.rules[1].orders == std::vector<std::string>{"reject 5.7.1 \"no\""});
    CHECK(trail.rules[2].why_not == "decided by content.yaml:4 b");
}

TEST_CASE("a policy says what has to be found out about a message, and what the ledger keeps")
{
    const auto plain = policy_with({});
    CHECK(!plain->needs().structure);
    CHECK(plain->keeping().quarantine == Duration(std::chrono::hours{24 * 30}));
    const auto policy = policy_with({{"content.yaml", R"(
quarantine: { keep: 10 days }
hold: { keep: 2 hours }
record: [message.subject, header.X-Marking]
rules:
  - { name: a, when: { attachment.detected_type: "*exe*" }, then: reject }
  - { name: b, when: { recipient.first_contact: true }, then: { annotate: "${attachment.sha256}" } }
)"}});
    CHECK(policy->needs().structure);
    CHECK(policy->needs().types);
    CHECK(!policy->needs().members);
    CHECK(policy->needs().digests);
    CHECK(policy->needs().first_contact);
    CHECK(policy->keeping().quarantine == Duration(std::chrono::hours{240}));
    CHECK(policy->keeping().hold == Duration(std::chrono::hours{2}));
    CHECK(policy->keeping().record == std::vector<std::string>{"message.subject", "header.X-Marking"});
}

TEST_CASE("the first mail rule that holds decides who may write to whom")
{
    const Mail mail(policy_with({{"permissions.yaml", R"(
mail:
  - { name: friends, when: { sender.organisation: smith }, then: allow }
  - { name: others, when: { recipient.organisation: crown-court }, then: { refuse: "5.7.1 ${sender.address}: not you" } }
dual_control: [release_quarantine]
)"}}));
    auto facts = mail.facts;
    facts.stage = Stage::recipient;
    const auto refused = mail.policy->may_mail(facts);
    REQUIRE(!refused);
    CHECK(refused.error().peer().text == "eric.brown@greenstonechambers.co.uk.cjsm.net: not you");
    facts.sender_organisation = mail.policy->organisation("smith");
    CHECK(mail.policy->may_mail(facts));
    CHECK(mail.policy->needs_second_person("release_quarantine"));
    CHECK(!mail.policy->needs_second_person("exceptional_access"));
}

TEST_CASE("a rate names whose counter it is and what one too many reads")
{
    const Mail mail(policy_with({{"limits.yaml", R"(
rates:
  - { name: one, per: sender.address, allow: 200 per hour }
  - { name: two, when: { recipient.organisation: smith }, per: sender.organisation, allow: 5 per minute }
  - { name: three, per: recipient.organisation, allow: 9 per day, over: reject, counts: recipients }
  - { name: four, per: connection.address, allow: 9 per day }
)"}}));
    auto facts = mail.facts;
    facts.stage = Stage::recipient;
    const auto rates = mail.policy->rates(facts).value();
    REQUIRE(rates.size() == 2);  // the second does not hold, the fourth has no address
    CHECK(rates[0].key == "eric.brown@greenstonechambers.co.uk.cjsm.net");
    CHECK(rates[0].over.retry() == Retry::later);
    CHECK(rates[0].per_message);
    CHECK(rates[1].key == "crown-court");
    CHECK(rates[1].refuse);
    CHECK(!rates[1].per_message);
    CHECK(rates[1].over.retry() == Retry::never);
}

TEST_CASE("mail leaves the community by no rule, and rules that are never reached are named")
{
    const auto said = faults_of({{"content.yaml", R"(rules:
  - { name: a, then: { redirect: someone@example.org, add_recipient: listing@crowncourt.example } }
  - { name: b, when: { sender.organisation: [smith, greenstone] }, then: accept }
  - { name: c, when: { message.subject: x, sender.organisation: smith }, then: reject }
)"}});
    CHECK(said.find("content.yaml:2:34: someone@example.org is not inside the community") != std::string::npos);
    CHECK(said.find("write listing@crowncourt.example.cjsm.net") != std::string::npos);
    CHECK(said.find("rule \"c\" is never reached") != std::string::npos);
}
