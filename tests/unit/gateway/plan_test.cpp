#include "gateway/plan.hpp"

#include <catch2/catch.hpp>

using namespace postern;

namespace {

vocabulary::Organisation organisation(const std::string& id, const std::string& domain)
{
    vocabulary::Organisation made;
    made.id = id;
    made.domains.push_back({*mail::Domain::parse(domain), *mail::Domain::parse(domain + ".cjsm.net")});
    return made;
}

gateway::PlannedRecipient recipient(const std::string& address, const vocabulary::Organisation& of,
                                    const std::string& tag = "CJSM: ")
{
    gateway::PlannedRecipient planned;
    planned.record.address = address;
    planned.key = mail::Address::parse(address)->key();
    planned.organisation = &of;
    planned.tags.push_back({"tagging.yaml:4 secure-subject", tag, true, {}, {}});
    return planned;
}

const std::string content =
    "From: eric@greenstone.example\r\nTo: a@crowncourt.example.cjsm.net\r\nSubject: Hello\r\n\r\nText\r\n";
const transform::TraceKey key(std::string(32, 'k'));
const gateway::PlanFacts facts{"01HZZZZZZZ0000000000000000", 1, {}};

}  // namespace

TEST_CASE("recipients of one member with the same tags travel together, others apart")
{
    const auto court = organisation("crown-court", "crowncourt.example");
    const auto police = organisation("northshire-police", "northshire.police.example");
    const auto header = *mail::Header::parse(content);
    const mail::HeaderEditor entry(content, header);

    const auto deliveries = gateway::plan_deliveries(
        entry, facts,
        {recipient("a@crowncourt.example.cjsm.net", court), recipient("c@northshire.police.example.cjsm.net", police),
         recipient("b@crowncourt.example.cjsm.net", court),
         recipient("d@crowncourt.example.cjsm.net", court, "OTHER: ")},
        key);

    REQUIRE(deliveries.size() == 3);
    REQUIRE(deliveries[0].recipients.size() == 2);
    REQUIRE(deliveries[0].organisation == "crown-court");
    REQUIRE(deliveries[1].organisation == "northshire-police");
    REQUIRE(mail::applied(content, deliveries[0].edits).find("Subject: CJSM: Hello\r\n") != std::string::npos);
    REQUIRE(mail::applied(content, deliveries[2].edits).find("Subject: OTHER: Hello\r\n") != std::string::npos);
}

TEST_CASE("a member reads its own addresses without the suffix, and finds a token for exactly its recipients")
{
    const auto court = organisation("crown-court", "crowncourt.example");
    const auto header = *mail::Header::parse(content);
    const auto deliveries = gateway::plan_deliveries(mail::HeaderEditor(content, header), facts,
                                                     {recipient("a@crowncourt.example.cjsm.net", court)}, key);
    const auto sent = mail::applied(content, deliveries.at(0).edits);
    REQUIRE(sent.find("To: a@crowncourt.example\r\n") != std::string::npos);
    const auto token = transform::find_token(*mail::Header::parse(sent), key);
    REQUIRE(token);
    REQUIRE(token->names("a@crowncourt.example.cjsm.net", key));
    REQUIRE_FALSE(token->names("b@crowncourt.example.cjsm.net", key));
}

TEST_CASE("a recipient refused after DATA is kept to be reported, apart from those who get the mail")
{
    const auto court = organisation("crown-court", "crowncourt.example");
    const auto header = *mail::Header::parse(content);
    auto refused = recipient("b@crowncourt.example.cjsm.net", court);
    refused.verdict = gateway::Verdict::refuse;
    refused.bounce_reason = "552 5.3.4 Too large";
    const auto deliveries = gateway::plan_deliveries(mail::HeaderEditor(content, header), facts,
                                                     {recipient("a@crowncourt.example.cjsm.net", court), refused}, key);
    REQUIRE(deliveries.size() == 2);
    REQUIRE(deliveries[0].bounce_reason.empty());
    REQUIRE(deliveries[1].bounce_reason == "552 5.3.4 Too large");
    REQUIRE(deliveries[1].edits.empty());
}

TEST_CASE("those kept back have rows of their own, those held travel with who is held alike")
{
    const auto court = organisation("crown-court", "crowncourt.example");
    const auto header = *mail::Header::parse(content);
    std::vector<gateway::PlannedRecipient> planned;
    for (const auto verdict : {gateway::Verdict::quarantine, gateway::Verdict::quarantine, gateway::Verdict::defer,
                               gateway::Verdict::hold, gateway::Verdict::hold, gateway::Verdict::elsewhere}) {
        planned.push_back(recipient("a" + std::to_string(planned.size()) + "@crowncourt.example.cjsm.net", court));
        planned.back().verdict = verdict;
        planned.back().reason = "why";
    }
    const auto deliveries =
        gateway::plan_deliveries(mail::HeaderEditor(content, header), facts, std::move(planned), key);
    REQUIRE(deliveries.size() == 4);
    REQUIRE(deliveries[0].quarantined);
    REQUIRE(deliveries[0].edits.empty());
    REQUIRE(deliveries[2].undecided);
    REQUIRE(deliveries[2].edits.empty());
    REQUIRE(deliveries[3].held);
    REQUIRE(deliveries[3].recipients.size() == 2);
    REQUIRE_FALSE(deliveries[3].edits.empty());
}
