// Rules with scripts: what an answer means, and what a failing script does to a recipient.
#include "policy_folder.hpp"

using namespace postern;
using namespace postern::policy;
using policy::test::faults_of;
using policy::test::policy_with;
using Verdict = ContentDecision::Verdict;

namespace {

/// Answers with what the test says.
struct Prepared final : ports::Scripts {
    ports::ScriptAnswer answer;
    [[nodiscard]] bool has(std::string_view) const noexcept override { return true; }
    [[nodiscard]] ports::ScriptAnswer run(const ports::ScriptCall&, const vocabulary::Facts&) const override
    {
        return answer;
    }
};

struct Maker final : ports::ScriptMaker {
    std::shared_ptr<Prepared> scripts = std::make_shared<Prepared>();
    [[nodiscard]] std::shared_ptr<const ports::Scripts> make(std::vector<ports::ScriptSource> sources,
                                                             ports::ScriptTables,
                                                             std::vector<ports::ScriptFault>& faults) const override
    {
        for (const auto& source : sources)
            if (const auto at = source.bytes.find("wrong"); at != std::string::npos)
                faults.push_back({source.file, 2, "'=' expected near 'wrong'", {}});
        if (!faults.empty()) return nullptr;
        return scripts;
    }
};

constexpr auto script = "return function(message) return true end\n";

ContentDecision decide(const Maker& maker, const std::string& rule)
{
    const auto policy = policy_with(
        {{"content.yaml", "rules:\n  - { name: a, lua: a.lua, " + rule + " }\n"}, {"lua/a.lua", script}}, &maker);
    const auto header = mail::Header::parse("Subject: x\r\n\r\n").value();
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.header = &header;
    return policy->content(facts);
}

vocabulary::Order order(vocabulary::ActionId action, std::string text)
{
    vocabulary::Order order;
    order.action = action;
    order.text = std::move(text);
    return order;
}

}  // namespace

TEST_CASE("a script's true lets the rule apply, its false does not, its orders stand instead")
{
    const Maker maker;
    maker.scripts->answer.holds = true;
    CHECK(decide(maker, "then: reject").verdict == Verdict::reject);
    maker.scripts->answer.holds = false;
    CHECK(decide(maker, "then: reject").verdict == Verdict::deliver);
    maker.scripts->answer = {};
    maker.scripts->answer.orders = {order(vocabulary::ActionId::quarantine, "marked\r\nBcc: x")};
    const auto decision = decide(maker, "then: reject, may: [quarantine]");
    CHECK(decision.verdict == Verdict::quarantine);
    CHECK(decision.reason == "markedBcc: x");
}

TEST_CASE("a failing script meets the rule's on_error, and the sender reads nothing of it")
{
    const Maker maker;
    maker.scripts->answer.error = "a.lua:12: attempt to index a nil value";
    const auto deferred = decide(maker, "may: [quarantine]");
    CHECK(deferred.verdict == Verdict::defer);
    CHECK(deferred.fault->peer().status == Status{7, 1});
    CHECK(deferred.fault->peer().text.find("lua") == std::string::npos);
    CHECK(deferred.fault->detail().find("a.lua:12") != std::string::npos);
    CHECK(decide(maker, "may: [quarantine], on_error: reject").verdict == Verdict::reject);
    CHECK(decide(maker, "may: [annotate], on_error: ignore").verdict == Verdict::deliver);
}

TEST_CASE("orders beyond may, outside the community or of two verdicts are errors of the script")
{
    const Maker maker;
    maker.scripts->answer.orders = {order(vocabulary::ActionId::reject, "no")};
    CHECK(decide(maker, "may: [quarantine]").verdict == Verdict::defer);
    CHECK(decide(maker, "may: [reject]").verdict == Verdict::reject);
    maker.scripts->answer.orders.push_back(order(vocabulary::ActionId::quarantine, ""));
    CHECK(decide(maker, "may: [reject, quarantine]").verdict == Verdict::defer);
    auto outward = order(vocabulary::ActionId::redirect, "");
    outward.addresses = {mail::Address::parse("someone@example.org").value()};
    maker.scripts->answer.orders = {outward};
    const auto decision = decide(maker, "may: [redirect]");
    CHECK(decision.verdict == Verdict::defer);
    CHECK(!decision.redirect_to);
}

TEST_CASE("scripts that are wrong, missing or ignored where they decide are errors at load")
{
    const Maker maker;
    const auto said = faults_of({{"content.yaml", R"(rules:
  - { name: a, lua: b.lua, may: [quarantine], on_error: ignore }
  - { name: b, lua: ../b.lua }
  - { name: c, lua: a.lua, then: reject, on_error: ignore }
  - { name: d, may: [reject], then: accept }
)"},
                                 {"lua/a.lua", "-- a\n  x wrong y\n"}},
                                &maker);
    CHECK(said.find("rules/lua/a.lua:2:3: '=' expected near 'wrong'\n    2 |   x wrong y\n      |   ^~~~~~~~~") !=
          std::string::npos);
    CHECK(said.find("there is no script lua/b.lua") != std::string::npos);
    CHECK(said.find("\"../b.lua\" is no script of this policy") != std::string::npos);
    CHECK(said.find("a failing script would be ignored that may quarantine") != std::string::npos);
    CHECK(said.find("a failing script would be ignored that may reject") != std::string::npos);
    CHECK(said.find("\"may\" counts only with \"lua\"") != std::string::npos);
}
