// What the scanner finds, as content.yaml means it: viruses never go on, and what can't be looked into meets its
// verdict.
#include "policy_folder.hpp"

using namespace postern;
using namespace postern::policy;
using policy::test::faults_of;
using policy::test::policy_with;
using Verdict = ContentDecision::Verdict;

namespace {

struct Mail {
    SnapshotPtr policy;
    mail::Address sender = mail::Address::parse("eric.brown@greenstonechambers.co.uk.cjsm.net").value();
    mail::Address recipient = mail::Address::parse("listing@crowncourt.example.cjsm.net").value();
    std::string content = "Subject: Listing\r\n\r\nbody\r\n";
    mail::Header header = mail::Header::parse(content).value();
    mail::Structure structure;
    vocabulary::Inspection inspection;

    explicit Mail(const std::string& content_yaml) : policy(policy_with({{"content.yaml", content_yaml}}))
    {
        inspection.signatures = "test 1";
    }

    Mail& virus(const char* signature)
    {
        inspection.viruses.push_back({signature, 0});
        return *this;
    }
    Mail& unscannable(const char* reason)
    {
        inspection.unscannable.emplace_back(reason);
        return *this;
    }
    [[nodiscard]] ContentDecision decide(std::string_view except = {}, Trail* trail = nullptr) const
    {
        vocabulary::Facts facts;
        facts.stage = vocabulary::Stage::message;
        facts.sender = &sender;
        facts.sender_organisation = policy->organisation("greenstone");
        facts.recipient = &recipient;
        facts.recipient_organisation = policy->organisation("crown-court");
        facts.recipient_inside = true;
        facts.size = 1000;
        facts.content = content;
        facts.header = &header;
        facts.structure = &structure;
        facts.inspection = &inspection;
        std::vector<std::string> overruled;
        if (!except.empty()) overruled.emplace_back(except);
        return policy->content(facts, overruled, trail);
    }
};

}  // namespace

TEST_CASE("a virus is refused where nothing is said, and quarantined where that is declared")
{
    const auto refused = Mail("hold: { keep: 1 day }\n").virus("Eicar-Test").decide();
    CHECK(refused.verdict == Verdict::reject);
    CHECK(refused.fault->retry() == Retry::never);
    CHECK(refused.fault->peer().text == "A virus was found in this message: Eicar-Test. It is not passed on");
    CHECK(refused.rule == "content.yaml viruses");

    const auto kept = Mail("viruses: quarantine\n").virus("Eicar-Test").virus("Other").decide();
    CHECK(kept.verdict == Verdict::quarantine);
    CHECK(kept.reason == "virus Eicar-Test, Other found by test 1");
    CHECK(kept.rule_name == "virus Eicar-Test, Other");
}

TEST_CASE("no verdict of a rule lets a virus through, puts it off or sends it elsewhere")
{
    for (const auto* then :
         {"accept", "defer", "hold", "redirect: custody@northshire.police.example.cjsm.net", "tag_subject: \"X: \""}) {
        const auto decision =
            Mail("rules:\n  - { name: all, then: { " + std::string(then) +
                 (std::string_view(then).find(':') == std::string_view::npos ? ": true" : "") + " } }\n")
                .virus("Eicar-Test")
                .decide();
        INFO(then);
        CHECK(decision.verdict == Verdict::reject);
        CHECK_FALSE(decision.redirect_to);
    }
}

TEST_CASE("a rule that asks for a virus may quarantine what is else refused")
{
    const std::string rules =
        "rules:\n  - { name: mild, when: { message.virus: \"Suspect.*\" }, then: { quarantine: "
        "\"is it ${message.virus}?\" } }\n";
    const auto kept = Mail(rules).virus("Suspect.A").decide();
    CHECK(kept.verdict == Verdict::quarantine);
    CHECK(kept.reason == "is it Suspect.A?");
    CHECK(Mail(rules).virus("Eicar-Test").decide().verdict == Verdict::reject);
}

TEST_CASE("a release counts for the viruses that the message was kept for, and for no other")
{
    const std::string declared = "viruses: quarantine\n";
    CHECK(Mail(declared).virus("A").decide("virus A").verdict == Verdict::deliver);
    CHECK(Mail(declared).virus("A").virus("B").decide("virus A").verdict == Verdict::quarantine);
    CHECK(Mail(declared).virus("B").decide("virus A").verdict == Verdict::quarantine);
    CHECK(Mail(declared).virus("A").decide("some-rule").verdict == Verdict::quarantine);

    const std::string by_rule = "rules:\n  - { name: mild, when: { message.virus: \"*\" }, then: quarantine }\n";
    const auto kept = Mail(by_rule).virus("A").decide();
    CHECK(kept.rule_name == "virus A");
    CHECK(Mail(by_rule).virus("A").decide(kept.rule_name).verdict == Verdict::deliver);
    CHECK(Mail(by_rule).virus("A").virus("B").decide(kept.rule_name).verdict == Verdict::quarantine);
}

TEST_CASE("what can't be looked into meets its declared verdict, the strictest of several")
{
    const std::string declared =
        "unscannable: { encrypted: accept, broken: tag, macros: defer, depth: quarantine, files: reject, prefix: "
        "\"LOOK: \" }\n";
    CHECK(Mail(declared).decide().verdict == Verdict::deliver);
    CHECK(Mail(declared).unscannable("encrypted").decide().verdict == Verdict::deliver);
    const auto tagged = Mail(declared).unscannable("broken").decide();
    CHECK(tagged.verdict == Verdict::deliver);
    REQUIRE(tagged.edits.size() == 1);
    CHECK(tagged.edits.front().subject_prefix == "LOOK: ");
    const auto deferred = Mail(declared).unscannable("macros").unscannable("broken").decide();
    CHECK(deferred.verdict == Verdict::defer);
    CHECK(deferred.fault->retry() == Retry::later);
    CHECK(Mail(declared).unscannable("macros").unscannable("depth").decide().verdict == Verdict::quarantine);
    const auto refused = Mail(declared).unscannable("files").unscannable("depth").decide();
    CHECK(refused.verdict == Verdict::reject);
    CHECK(refused.fault->peer().text ==
          "This message can't be checked for viruses: its attachments hold too many files");
    CHECK(refused.rule == "content.yaml unscannable.files");
    CHECK(Mail(declared).unscannable("a reason of a later version").decide().verdict == Verdict::deliver);
}

TEST_CASE("a rule decides about the reasons that it asks for, and about no others")
{
    const std::string rules =
        "unscannable: { encrypted: reject, depth: reject }\n"
        "rules:\n  - { name: locked, when: { message.unscannable: encrypted }, then: accept }\n";
    CHECK(Mail(rules).unscannable("encrypted").decide().verdict == Verdict::deliver);
    CHECK(Mail(rules).unscannable("encrypted").unscannable("depth").decide().verdict == Verdict::reject);
    CHECK(Mail(rules).unscannable("encrypted").virus("A").decide().verdict == Verdict::reject);

    const std::string general = "unscannable: { encrypted: reject }\nrules:\n  - { name: all, then: accept }\n";
    CHECK(Mail(general).unscannable("encrypted").decide().verdict == Verdict::reject);
    const std::string negated =
        "unscannable: { encrypted: reject }\nrules:\n"
        "  - { name: not-deep, when: { not: { message.unscannable: [depth, encrypted] } }, "
        "then: accept }\n";
    CHECK(Mail(negated).unscannable("encrypted").decide().verdict == Verdict::reject);
    const std::string kept =
        "rules:\n  - { name: locked, when: { message.unscannable: encrypted }, then: quarantine }\n";
    CHECK(Mail(kept).unscannable("encrypted").decide().rule_name == "locked");
    CHECK(Mail(kept).unscannable("encrypted").decide("locked").verdict == Verdict::deliver);
}

TEST_CASE("an explanation shows what was found and what that meant")
{
    Trail trail;
    static_cast<void>(Mail("hold: { keep: 1 day }\n").virus("Eicar-Test").decide({}, &trail));
    REQUIRE(trail.rules.size() == 1);
    CHECK(trail.rules.front().rule == "content.yaml viruses");
    CHECK(trail.rules.front().clauses.front().saw == "Eicar-Test");
    CHECK(trail.rules.front().orders == std::vector<std::string>{"reject"});
}
