// When an event becomes an alert, when it is counted instead, and when an alert escalates: with times of the test's
// own.
#include "alert/book.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace std::chrono_literals;
using vocabulary::Event;
using vocabulary::EventId;

namespace {

const Instant noon{std::chrono::hours{12}};

vocabulary::AlertRule rule(std::string name, EventId event)
{
    vocabulary::AlertRule made;
    made.name = std::move(name);
    made.on = {{event, ""}};
    return made;
}

Event virus(Duration later, std::string organisation = "greenstone")
{
    return {EventId::virus_found, "message", "found", noon + later, false, {{"sender.organisation", organisation}}};
}

Event disk(Duration later, bool cleared = false)
{
    return {EventId::disk_low, "disk-low 10 %", "full", noon + later, cleared, {}};
}

/// A book with a store that gives numbers.
struct Kept {
    alert::Book book;
    vocabulary::AlertPolicy policy;
    std::vector<store::AlertRecord> stored;

    std::size_t hear(const Event& event)
    {
        auto heard = book.hear(event, policy, 1);
        for (auto& alert : heard.fresh) {
            alert.number = static_cast<std::int64_t>(stored.size()) + 1;
            book.keep(alert);
            stored.push_back(alert);
        }
        for (const auto& [number, count] : heard.left_out)
            stored.at(static_cast<std::size_t>(number) - 1).left_out = count;
        for (const auto number : heard.cleared) stored.at(static_cast<std::size_t>(number) - 1).cleared = event.at;
        return heard.fresh.size();
    }
};

}  // namespace

TEST_CASE("at most one alert in a time, and the next says how many were left out")
{
    Kept k;
    k.policy.rules = {rule("virus", EventId::virus_found)};
    k.policy.rules[0].one_per = 10min;
    CHECK(k.hear(virus(0s)) == 1);
    CHECK(k.hear(virus(1min)) == 0);
    CHECK(k.hear(virus(9min + 59s)) == 0);
    CHECK(k.stored[0].left_out == 2);
    CHECK(k.hear(virus(10min)) == 1);
    CHECK(k.stored[1].suppressed == 2);
    CHECK(k.hear(virus(25min)) == 1);
    CHECK(k.stored[2].suppressed == 0);
}

TEST_CASE("groups are counted each for themselves")
{
    Kept k;
    k.policy.rules = {rule("virus", EventId::virus_found)};
    k.policy.rules[0].one_per = 10min;
    k.policy.rules[0].group_by = "sender.organisation";
    CHECK(k.hear(virus(0s)) == 1);
    CHECK(k.hear(virus(1s, "smith")) == 1);
    CHECK(k.hear(virus(2s)) == 0);
    CHECK(k.hear(virus(3s, "smith")) == 0);
    CHECK(k.stored[0].grouping == "greenstone");
}

TEST_CASE("every rule that takes an event makes an alert of its own, and one without at_most each time")
{
    Kept k;
    k.policy.rules = {rule("one", EventId::virus_found), rule("two", EventId::virus_found),
                      rule("other", EventId::disk_low)};
    CHECK(k.hear(virus(0s)) == 2);
    CHECK(k.hear(virus(0s)) == 2);
}

TEST_CASE("an alert that nobody acknowledges escalates once, at its time")
{
    Kept k;
    k.policy.rules = {rule("virus", EventId::virus_found)};
    k.policy.rules[0].escalates = 30min;
    CHECK(k.hear(virus(0s)) == 1);
    CHECK(k.hear(virus(1min)) == 1);
    CHECK(k.book.next_escalation() == noon + 30min);
    CHECK(k.book.escalations(noon + 29min).empty());
    k.book.acknowledge(k.stored[1].id);
    CHECK(k.book.escalations(noon + 45min) == std::vector<std::int64_t>{1});
    CHECK(k.book.escalations(noon + 45min).empty());
    CHECK_FALSE(k.book.next_escalation());
}

TEST_CASE("a condition that has ended escalates no more")
{
    Kept k;
    k.policy.rules = {rule("disk", EventId::disk_low)};
    k.policy.rules[0].escalates = 30min;
    CHECK(k.hear(disk(0s)) == 1);
    CHECK(k.hear(disk(5min, true)) == 0);
    CHECK(k.stored[0].cleared == noon + 5min);
    CHECK(k.book.escalations(noon + 1h).empty());
    CHECK(k.hear(disk(1h)) == 1);
}

TEST_CASE("a restart forgets nothing: groups, escalations, and conditions that still stand")
{
    Kept before;
    before.policy.rules = {rule("virus", EventId::virus_found), rule("disk", EventId::disk_low)};
    before.policy.rules[0].one_per = 10min;
    before.policy.rules[0].escalates = 30min;
    CHECK(before.hear(virus(0s)) == 1);
    CHECK(before.hear(virus(1s)) == 0);
    CHECK(before.hear(disk(2s)) == 1);

    Kept after;
    after.policy = before.policy;
    after.stored = before.stored;
    after.book.restore(before.stored);
    CHECK(after.hear(virus(5min)) == 0);
    CHECK(after.stored[0].left_out == 2);
    CHECK(after.hear(disk(5min)) == 0);  // raised again by the new process: the same condition
    CHECK(after.book.forget_unseen().empty());
    CHECK(after.hear(disk(6min, true)) == 0);
    CHECK(after.stored[1].cleared == noon + 6min);
    CHECK(after.book.escalations(noon + 30min) == std::vector<std::int64_t>{1});
}

TEST_CASE("a condition that stood before a restart and is not raised again has ended")
{
    Kept before;
    before.policy.rules = {rule("disk", EventId::disk_low)};
    CHECK(before.hear(disk(0s)) == 1);
    Kept after;
    after.policy = before.policy;
    after.book.restore(before.stored);
    CHECK(after.book.forget_unseen() == std::vector<std::int64_t>{1});
    CHECK(after.hear(disk(1h)) == 1);
}

namespace {

struct Said final : vocabulary::EventScript {
    Answer answer;
    mutable unsigned asked = 0;
    [[nodiscard]] Answer ask(const Event&) const override
    {
        ++asked;
        return answer;
    }
};

}  // namespace

TEST_CASE("a rule's script says whether there is an alert, and what it notes stands in it; how it fails is said")
{
    Kept k;
    auto said = std::make_shared<Said>();
    k.policy.rules = {rule("virus", EventId::virus_found)};
    k.policy.rules[0].script = said;
    said->answer = {false, {}, {}};
    CHECK(k.hear(virus(0s)) == 0);
    said->answer = {true, "run book 7", {}};
    CHECK(k.hear(virus(1s)) == 1);
    REQUIRE(!k.stored.empty());
    CHECK(k.stored[0].fields.back() == std::pair<std::string, std::string>("note", "run book 7"));
    said->answer = {true, {}, "night.lua:3: oops"};
    const auto heard = k.book.hear(virus(2s), k.policy, 1);
    CHECK(heard.fresh.size() == 1);
    REQUIRE(heard.failed.size() == 1);
    CHECK(heard.failed[0].second == "night.lua:3: oops");
    CHECK(k.hear(disk(3s)) == 0);
    CHECK(said->asked == 3);  // not about what the rule does not take
}

TEST_CASE("what a script leaves out does not count for at_most")
{
    Kept k;
    auto said = std::make_shared<Said>();
    k.policy.rules = {rule("virus", EventId::virus_found)};
    k.policy.rules[0].script = said;
    k.policy.rules[0].one_per = 10min;
    said->answer.holds = false;
    CHECK(k.hear(virus(0s)) == 0);
    said->answer.holds = true;
    CHECK(k.hear(virus(1s)) == 1);
    CHECK(k.stored[0].suppressed == 0);
}
