// Alerts and maintenance are durable, and mail about them is stored once.
#include "store/alert_store.hpp"

#include "fixture.hpp"

using namespace postern;
using namespace postern::store;
using namespace postern::store::test;
using namespace std::chrono_literals;

namespace {

struct Kept {
    TemporaryFolder folder;
    SetClock clock;
    std::unique_ptr<MailStore> store;

    Kept() { open(); }
    void open()
    {
        store.reset();
        MailStoreOptions options;
        options.directory = folder.path();
        options.clock = &clock;
        store = value_of(MailStore::open(options));
    }
    [[nodiscard]] AlertStore alerts() const { return AlertStore(*store); }
};

AlertRecord virus(Instant at = noon)
{
    AlertRecord alert;
    alert.id = make_message_id(at);
    alert.rule = "virus";
    alert.event = vocabulary::EventId::virus_found;
    alert.object = "message";
    alert.at = at;
    alert.text = "found";
    alert.fields = {{"signature", "Eicar"}, {"sender.organisation", "greenstone"}};
    alert.escalates = at + 30min;
    return alert;
}

AlertSend mail_to(std::string target)
{
    AlertSend send;
    send.target = std::move(target);
    send.due = noon;
    return send;
}

}  // namespace

TEST_CASE("an alert and its sends outlive a restart, and a send settles once with its mail")
{
    Kept o;
    const auto alert = virus();
    REQUIRE(value_of(wait_for(o.alerts().add(alert, {mail_to("ops@cjsm.net")}))) > 0);
    o.open();
    auto due = value_of(wait_for(o.alerts().due(noon, 10, true)));
    REQUIRE(due.size() == 1);
    CHECK(value_of(wait_for(o.alerts().due(noon, 10, false))).empty());
    CHECK(due[0].alert.fields == alert.fields);

    auto send = due[0].sends[0];
    send.state = SendState::sent;
    value_of(wait_for(o.alerts().settle(send, message({delivery({"ops@cjsm.net"})}))));
    value_of(wait_for(o.alerts().settle(send, message({delivery({"ops@cjsm.net"})}))));
    CHECK(value_of(wait_for(o.store->totals())).messages == 1);
    CHECK(value_of(wait_for(o.alerts().due(noon, 10, true))).empty());
    CHECK(value_of(wait_for(o.alerts().oldest_waiting())) == noon);
}

TEST_CASE("an acknowledged alert is no longer open and does not escalate")
{
    using Acknowledged = AlertStore::Acknowledged;
    Kept o;
    const auto alert = virus();
    const auto number = value_of(wait_for(o.alerts().add(alert, {})));
    CHECK(value_of(wait_for(o.alerts().list(true, 10))).size() == 1);
    CHECK(value_of(wait_for(o.alerts().acknowledge("unknown", "root", "", noon))) == Acknowledged::unknown);
    CHECK(value_of(wait_for(o.alerts().acknowledge(alert.id, "root", "on it", noon))) == Acknowledged::now);
    CHECK(value_of(wait_for(o.alerts().acknowledge(alert.id, "eric", "", noon))) == Acknowledged::before);
    value_of(wait_for(o.alerts().escalate(number, noon + 1h, {mail_to("manager@cjsm.net")})));
    CHECK(value_of(wait_for(o.alerts().list(true, 10))).empty());
    const auto found = value_of(wait_for(o.alerts().find(alert.id)));
    REQUIRE(found);
    CHECK(found->alert.acknowledged_by == "root");
    CHECK(found->alert.comment == "on it");
    CHECK(found->sends.empty());
}

TEST_CASE("what an engine must know is remembered however old it is, and the rest is forgotten in time")
{
    Kept o;
    auto old_and_done = virus(noon - 24h);
    old_and_done.escalates.reset();
    value_of(wait_for(o.alerts().add(old_and_done, {})));
    value_of(wait_for(o.alerts().add(virus(noon - 24h + 1s), {})));
    auto standing = virus(noon - 24h + 2s);
    standing.event = vocabulary::EventId::disk_low;
    standing.escalates.reset();
    const auto number = value_of(wait_for(o.alerts().add(standing, {})));
    CHECK(value_of(wait_for(o.alerts().remembered(noon))).size() == 2);
    value_of(wait_for(o.alerts().clear({number}, noon)));
    CHECK(value_of(wait_for(o.alerts().remembered(noon))).size() == 1);
    value_of(wait_for(o.alerts().forget(noon)));
    CHECK(value_of(wait_for(o.alerts().list(false, 10))).empty());
}

TEST_CASE("a window that is moved is told anew, and so is one that is announced again after it was cancelled")
{
    Kept o;
    MaintenanceRecord record;
    record.id = "declared:pumps";
    record.window.from = noon + 24h;
    record.window.to = noon + 25h;
    record.announced = noon;
    value_of(wait_for(o.alerts().announce(record)));
    const auto number = value_of(wait_for(o.alerts().windows())).at(0).number;
    const auto tell = [&] { value_of(wait_for(o.alerts().tell(number, 1h, "eric@cjsm.net", std::nullopt))); };
    const auto told = [&] { return value_of(wait_for(o.alerts().told(number, 1h))).size(); };
    tell();
    record.window.text = "Other words";
    value_of(wait_for(o.alerts().announce(record)));
    CHECK(told() == 1);
    record.window.to += 1h;
    value_of(wait_for(o.alerts().announce(record)));
    CHECK(told() == 0);

    tell();
    value_of(wait_for(o.alerts().cancel(record.id, "alerts.yaml", noon)));
    CHECK(value_of(wait_for(o.alerts().windows())).at(0).cancelled.has_value());
    value_of(wait_for(o.alerts().announce(record)));
    const auto again = value_of(wait_for(o.alerts().windows())).at(0);
    CHECK_FALSE(again.cancelled.has_value());
    CHECK(again.cancelled_by.empty());
    CHECK(told() == 0);
}

TEST_CASE("somebody is told of a window's step once, whatever comes between")
{
    Kept o;
    MaintenanceRecord record;
    record.id = "window";
    record.window.from = noon + 24h;
    record.window.to = noon + 25h;
    record.window.text = "New disks";
    record.window.at_before = {Duration(24h), Duration(1h)};
    record.announced = noon;
    value_of(wait_for(o.alerts().announce(record)));
    const auto windows = value_of(wait_for(o.alerts().windows()));
    REQUIRE(windows.size() == 1);
    CHECK(windows[0].window.at_before == record.window.at_before);
    for (int times = 0; times < 2; ++times) {
        value_of(
            wait_for(o.alerts().tell(windows[0].number, 24h, "eric@cjsm.net", message({delivery({"eric@cjsm.net"})}))));
        o.open();
    }
    CHECK(value_of(wait_for(o.store->totals())).messages == 1);
    CHECK(value_of(wait_for(o.alerts().told(windows[0].number, 24h))) == std::vector<std::string>{"eric@cjsm.net"});
    CHECK(value_of(wait_for(o.alerts().told(windows[0].number, 1h))).empty());
    CHECK(value_of(wait_for(o.alerts().cancel("window", "root", noon))));
    CHECK_FALSE(value_of(wait_for(o.alerts().cancel("window", "root", noon))));
}
