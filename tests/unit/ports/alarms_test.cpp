// What stands is shown, and both what stands and what passes is heard as an event.
#include "ports/alarms.hpp"

#include <catch2/catch.hpp>
#include <deque>

using namespace postern;

namespace {

class Listener final : public ports::EventListener {
public:
    void hear(vocabulary::Event event) noexcept override { heard.push_back(std::move(event)); }
    std::deque<vocabulary::Event> heard;
};

struct Alarmed {
    Log log{"/dev/null"};
    SystemClock clock;
    ports::Alarms alarms{log, clock};
    Listener listener;
};

}  // namespace

TEST_CASE("a condition is heard when it begins and when it ends, once each")
{
    Alarmed a;
    a.alarms.listen(&a.listener);
    a.alarms.raise("hop-unproved organisation:greenstone", "no TLS", {{"destination", "organisation:greenstone"}});
    a.alarms.raise("hop-unproved organisation:greenstone", "still none");
    a.alarms.clear("hop-unproved organisation:greenstone");
    a.alarms.clear("hop-unproved organisation:greenstone");
    REQUIRE(a.listener.heard.size() == 2);
    CHECK(a.listener.heard[0].id == vocabulary::EventId::destination_unproved);
    CHECK(a.listener.heard[0].field("destination") == "organisation:greenstone");
    CHECK(a.listener.heard[0].field("severity") == "critical");
    CHECK(!a.listener.heard[0].cleared);
    CHECK(a.listener.heard[1].cleared);
    CHECK(a.listener.heard[1].object == "hop-unproved organisation:greenstone");
    CHECK(a.alarms.standing().empty());
}

TEST_CASE("who begins to listen hears of what stands already, and a moment never stands")
{
    Alarmed a;
    a.alarms.raise("policy", "rejected");
    a.alarms.tell(vocabulary::EventId::virus_found, "ID", "found Eicar");
    a.alarms.listen(&a.listener);
    REQUIRE(a.listener.heard.size() == 1);
    CHECK(a.listener.heard[0].id == vocabulary::EventId::policy_reload_failed);
    a.alarms.tell(vocabulary::EventId::virus_found, "ID", "found Eicar", {{"signature", "Eicar"}});
    REQUIRE(a.listener.heard.size() == 2);
    CHECK(a.listener.heard[1].field("signature") == "Eicar");
    CHECK(a.alarms.standing().size() == 1);
}

TEST_CASE("an alarm of a kind that the table does not know is an event all the same")
{
    CHECK(vocabulary::event_of_alarm("something-new x").id == vocabulary::EventId::condition_raised);
    CHECK(vocabulary::event_of_alarm("storage").id == vocabulary::EventId::storage_failing);
}
