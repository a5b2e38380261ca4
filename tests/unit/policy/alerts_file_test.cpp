// What alerts.yaml means: which events a rule takes, and what it asks of templates.
#include "policy/loader.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace postern;
using vocabulary::Event;
using vocabulary::EventId;
namespace fs = std::filesystem;

namespace {

struct Policy {
    fs::path root = fs::temp_directory_path() / ("postern-alerts-file-" + std::to_string(::getpid()));
    policy::SnapshotPtr snapshot;
    std::string complaints;

    explicit Policy(const std::string& alerts, const std::string& text = {})
    {
        fs::remove_all(root);
        fs::create_directories(root);
        fs::copy(POSTERN_SOURCE_DIR "/rules", root / "rules", fs::copy_options::recursive);
        std::ofstream(root / "rules/alerts.yaml") << alerts;
        fs::create_directories(root / "rules/templates");
        if (!text.empty()) std::ofstream(root / "rules/templates/text.txt") << text;
        auto loaded = policy::Loader(root / "rules").load(1);
        snapshot = loaded.snapshot;
        complaints = policy::render(loaded.diagnostics, "rules");
    }
    ~Policy() { fs::remove_all(root); }

    [[nodiscard]] bool takes(const std::string& rule, const Event& event) const
    {
        INFO(complaints);
        REQUIRE(snapshot);
        REQUIRE(snapshot->alerts().rule(rule) != nullptr);
        return snapshot->alerts().rule(rule)->takes(event);
    }
};

Event event(EventId id, vocabulary::EventFields fields = {})
{
    return {id, "object", "text", Instant(std::chrono::hours(21)), false, std::move(fields)};
}

const std::string people = "people: { operations: ops@cjsm.net }\nalerts:\n";

}  // namespace

TEST_CASE("a rule takes the events that it names, at the threshold that it names")
{
    const Policy p(people +
                   "  - { name: one, on: [virus_found, queue_backlog], to: operations }\n"
                   "  - { name: two, on: { queue_older_than: [90 min, 2 hours] }, to: operations }\n");
    CHECK(p.takes("one", event(EventId::virus_found)));
    CHECK_FALSE(p.takes("one", event(EventId::disk_low)));
    CHECK(p.takes("one", event(EventId::queue_backlog, {{"threshold", "1 hour"}})));
    CHECK_FALSE(p.takes("one", event(EventId::queue_backlog, {{"threshold", "2 hours"}})));
    CHECK(p.takes("two", event(EventId::queue_backlog, {{"threshold", "90 minutes"}})));
    const auto thresholds = p.snapshot->alerts().thresholds(EventId::queue_backlog);
    CHECK(thresholds.size() == 3);
    CHECK(p.snapshot->alerts().thresholds(EventId::disk_low).front().share == 0.1);
}

TEST_CASE("a condition asks for fields of the event, as conditions elsewhere do")
{
    const Policy p(
        people +
        "  - { name: who, on: virus_found, when: { sender.organisation: [green*, smith] }, to: operations }\n"
        "  - { name: not, on: virus_found, when: { not: { signature: /eicar/i } }, to: operations }\n"
        "  - { name: any, on: virus_found, to: operations,\n"
        "      when: { any: [{ severity: notice }, { signature: absent }] } }\n"
        "  - { name: late, on: virus_found, when: { time: { between: [\"20:00\", \"06:00\"] } }, to: operations }\n");
    CHECK(p.takes("who", event(EventId::virus_found, {{"sender.organisation", "greenstone"}})));
    CHECK_FALSE(p.takes("who", event(EventId::virus_found, {{"sender.organisation", "crown-court"}})));
    CHECK_FALSE(p.takes("who", event(EventId::virus_found)));
    CHECK_FALSE(p.takes("not", event(EventId::virus_found, {{"signature", "Win.Test.EICAR_HDB-1"}})));
    CHECK(p.takes("not", event(EventId::virus_found, {{"signature", "Other"}})));
    CHECK(p.takes("any", event(EventId::virus_found)));
    CHECK_FALSE(p.takes("any", event(EventId::virus_found, {{"signature", "Other"}})));
    CHECK(p.takes("late", event(EventId::virus_found)));
    auto noon = event(EventId::virus_found);
    noon.at = Instant(std::chrono::hours(12));
    CHECK_FALSE(p.takes("late", noon));
}

TEST_CASE("a template is read with the policy and may name what its events carry")
{
    const std::string rule = "  - { name: one, on: virus_found, to: operations, template: text.txt }\n";
    const Policy good(people + rule,
                      "Subject: {{event}}\n\n{{signature}} of {{sender.address}}, {{suppressed}} before\n");
    INFO(good.complaints);
    REQUIRE(good.snapshot);
    const auto text =
        vocabulary::fill(good.snapshot->alerts().templates.at("text.txt"),
                         {{"event", "virus_found"}, {"signature", "Eicar\r\nX: y"}, {"sender.address", "{{event}}"}});
    CHECK(text.subject == "virus_found");
    CHECK(text.text == "Eicar  X: y of {{event}},  before\n");

    const Policy bad(people + rule, "Subject: x\n\n{{destination}}\n");
    CHECK_FALSE(bad.snapshot);
    CHECK(bad.complaints.find("rules/templates/text.txt:3:1: unknown value \"destination\"") != std::string::npos);
}

TEST_CASE("a template for addresses outside names what a notice has, and holds no link")
{
    const std::string rule = "  - { name: one, on: virus_found, to: operations, template_non_secure: text.txt }\n";
    const Policy good(people + rule, "Subject: {{what}}\n\n{{time}} {{service}} {{advice}}\n");
    INFO(good.complaints);
    REQUIRE(good.snapshot);
    CHECK(good.snapshot->alerts().notices.contains("text.txt"));
    for (const char* name : {"sender.address", "text", "alert", "message.subject", "object", "node"}) {
        const Policy bad(people + rule, "Subject: x\n\n{{" + std::string(name) + "}}\n");
        CHECK_FALSE(bad.snapshot);
        CHECK(bad.complaints.find("unknown value") != std::string::npos);
    }
    for (const char* link : {"https://x.example", "WWW.x.example", "duty@x.example"}) {
        const Policy bad(people + rule, "Subject: x\n\nSee " + std::string(link) + "\n");
        CHECK_FALSE(bad.snapshot);
        CHECK(bad.complaints.find("rules/templates/text.txt:3:") != std::string::npos);
        CHECK(bad.complaints.find("a link or an address in a text for addresses outside") != std::string::npos);
    }
}
