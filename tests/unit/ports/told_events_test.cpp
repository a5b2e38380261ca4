// What is told of logins carries the table's fields, and a password's steps are due once each.
#include "ports/told_events.hpp"

#include <catch2/catch.hpp>
#include <deque>

using namespace postern;
using namespace std::chrono_literals;

namespace {

class Listener final : public ports::EventListener {
public:
    void hear(vocabulary::Event event) noexcept override { heard.push_back(std::move(event)); }
    std::deque<vocabulary::Event> heard;
};

struct Told {
    Log log{"/dev/null"};
    SystemClock clock;
    ports::Alarms alarms{log, clock};
    Listener listener;
    Told() { alarms.listen(&listener); }
};

const ports::LoginOwner eric{"eric.brown@greenstonechambers.co.uk.cjsm.net", "greenstone", "eric@home.example"};

std::vector<vocabulary::Threshold> steps()
{
    std::vector<vocabulary::Threshold> all;
    for (const char* text : {"14 days", "7 days", "1 day"})
        all.push_back(*vocabulary::parse_threshold(vocabulary::ThresholdForm::duration, text));
    return all;
}

void carries_only_known_fields(const vocabulary::Event& event)
{
    for (const auto& [name, value] : event.fields) {
        INFO(name);
        CHECK(vocabulary::carries(vocabulary::info(event.id), name));
    }
}

}  // namespace

TEST_CASE("a locked login and a password that ends are events with whose they are, at both addresses")
{
    Told t;
    ports::tell_login_locked(t.alarms, eric, Instant{24h});
    ports::tell_password_expiring(t.alarms, eric, steps()[1], Instant{24h});
    REQUIRE(t.listener.heard.size() == 2);
    for (const auto& event : t.listener.heard) {
        CHECK(event.field("user.address") == eric.user);
        CHECK(event.field("user.non_secure") == eric.non_secure);
        CHECK(event.field("organisation") == "greenstone");
        carries_only_known_fields(event);
    }
    CHECK(t.listener.heard[0].id == vocabulary::EventId::login_lockout);
    CHECK(t.listener.heard[0].text.find("1970-01-02T00:00:00") != std::string::npos);
    CHECK(t.listener.heard[1].field("threshold") == "7 days");
}

TEST_CASE("each step before a password's end is due once, and one that was slept through is not told late")
{
    const Instant ends{24h * 100};
    const auto step = [&](Duration before, const std::string& told) {
        const auto due = ports::password_step(steps(), ends, ends - before, told);
        return due ? due->text : std::string{};
    };
    CHECK(step(24h * 15, "") == "");
    CHECK(step(24h * 14, "") == "14 days");
    CHECK(step(24h * 13, "14 days") == "");
    CHECK(step(24h * 6, "14 days") == "7 days");
    CHECK(step(24h * 6, "7 days") == "");
    CHECK(step(12h, "") == "1 day");  // nobody asked for two weeks: the shortest alone
    CHECK(step(12h, "14 days") == "1 day");
    CHECK(step(0h, "") == "");
    // A step that rules no longer name says nothing about those that they do.
    CHECK(step(24h * 6, "3 days") == "7 days");
}

TEST_CASE("tampering stands until it is cleared, each record for itself")
{
    Told t;
    ports::raise_tampering(t.alarms, "audit", "row 7 does not follow row 6");
    ports::raise_tampering(t.alarms, "audit", "row 7 does not follow row 6");
    ports::raise_tampering(t.alarms, "archive", "changed");
    ports::clear_tampering(t.alarms, "audit");
    REQUIRE(t.listener.heard.size() == 3);
    CHECK(t.listener.heard[0].id == vocabulary::EventId::tampering);
    CHECK(t.listener.heard[0].field("reason") == "row 7 does not follow row 6");
    CHECK(t.listener.heard[2].cleared);
    CHECK(t.alarms.standing().size() == 1);
}

TEST_CASE("what is done to somebody's login, or falls due, is an event with the table's fields alone")
{
    Told t;
    ports::tell_login_idle(t.alarms, eric, steps()[0], Instant{24h});
    ports::tell_password_reset(t.alarms, eric, "by the service manager");
    ports::tell_second_factor_reset(t.alarms, eric);
    ports::tell_non_secure_changed(t.alarms, eric, Instant{48h});
    ports::tell_exceptional_access(t.alarms, eric, "anna@greenstonechambers.co.uk", Instant{24h}, false);
    ports::tell_case_opened(t.alarms, 7, "reset", eric);
    ports::tell_organisation_task(t.alarms, "greenstone", "terms", "the signatory accepts", {}, Instant{24h});
    ports::tell_audit_head(t.alarms, "postern-audit-head 1 mx 7");
    REQUIRE(t.listener.heard.size() == 8);
    for (const auto& event : t.listener.heard) carries_only_known_fields(event);
    for (std::size_t i = 0; i < 5; ++i) CHECK(t.listener.heard[i].field("user.non_secure") == eric.non_secure);
    // A case names whom it is about to those who decide, and is not told to that person.
    CHECK_FALSE(t.listener.heard[5].field("user.non_secure"));
    CHECK(t.listener.heard[5].field("case") == "7");
    CHECK(t.listener.heard[6].field("task") == "terms");
    CHECK_FALSE(t.listener.heard[6].field("threshold"));
    CHECK(t.listener.heard[7].text.find("postern-audit-head 1 mx 7") != std::string::npos);
}
