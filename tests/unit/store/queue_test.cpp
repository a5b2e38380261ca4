#include "fixture.hpp"

namespace postern::store::test {

using std::chrono::minutes;

TEST_CASE("due deliveries are claimed once, oldest due first")
{
    Opened spool;
    std::vector<std::string> ids;
    for (const int age : {1, 3, 2}) {
        NewMessage sent = message({delivery({"a@x.cjsm.net"})});
        sent.deliveries[0].due = noon - minutes(age);
        ids.push_back(sent.message.id);
        spool.commit(std::move(sent), false);
    }
    NewMessage later = message({delivery({"a@x.cjsm.net"})});
    later.deliveries[0].due = noon + minutes(5);
    spool.commit(later);
    REQUIRE(value_of(wait_for(spool.store->next_due())) == noon - minutes(3));

    const auto first = spool.claim(2);
    REQUIRE(first.size() == 2);
    REQUIRE(first[0].message->id == ids[1]);
    REQUIRE(first[1].message->id == ids[2]);
    REQUIRE(spool.claim().front().message->id == ids[0]);
    REQUIRE(spool.claim().empty());
    REQUIRE(value_of(wait_for(spool.store->next_due())) == noon + minutes(5));

    spool.clock.at = noon + minutes(5);
    REQUIRE(spool.claim().front().message->id == later.message.id);
    REQUIRE_FALSE(value_of(wait_for(spool.store->next_due())).has_value());
}

TEST_CASE("a delivery whose lease lapsed can be claimed again, one given back at its new time")
{
    Opened spool;
    const auto claimed = spool.commit(message({delivery({"a@x.cjsm.net"})}));
    spool.clock.at += minutes(9);
    REQUIRE(spool.claim().empty());
    spool.clock.at += minutes(2);
    REQUIRE(spool.claim().size() == 1);

    value_of(wait_for(spool.store->unclaim({claimed[0].id}, spool.clock.at + minutes(1))));
    REQUIRE(spool.claim().empty());
    spool.clock.at += minutes(1);
    const auto again = spool.claim();
    REQUIRE(again.size() == 1);
    REQUIRE(again[0].delivery.attempts == 0);
}

TEST_CASE("a recipient with a final state never comes back in a claim")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net", "b@x.cjsm.net", "c@x.cjsm.net"})});
    const auto claimed = spool.commit(sent);
    AttemptOutcome mixed = outcome(sent.message.id, claimed[0], State::relayed);
    mixed.recipients[1].state = State::queued;
    mixed.recipients[1].reply = "450 4.2.2 Mailbox full";
    mixed.recipients[1].delay_reported = true;
    mixed.recipients[2].state = State::failed;
    spool.record(mixed);

    spool.clock.at += minutes(5);
    const auto again = spool.claim();
    REQUIRE(again.size() == 1);
    REQUIRE(again[0].delivery.attempts == 1);
    REQUIRE(again[0].delivery.recipients.size() == 1);
    REQUIRE(again[0].delivery.recipients[0].address == "b@x.cjsm.net");
    REQUIRE(again[0].delivery.recipients[0].delay_reported);
    REQUIRE(again[0].delivery.recipients[0].last_reply == "450 4.2.2 Mailbox full");

    spool.record(outcome(sent.message.id, again[0].delivery, State::expired, "too late", spool.clock.at));
    REQUIRE(spool.totals().messages == 0);
    REQUIRE(spool.totals().by_organisation.empty());
    const Trace trace = spool.trace(sent.message.id);
    REQUIRE(trace.recipients[0].state == State::relayed);
    REQUIRE(trace.recipients[1].state == State::expired);
    REQUIRE(trace.recipients[2].state == State::failed);
    REQUIRE(trace.events.size() == 5);
    REQUIRE(trace.events[4].kind == "attempt");
    REQUIRE(trace.events[4].reply == "too late");
    REQUIRE(trace.events[4].next_hop == "mail.crowncourt.example [192.0.2.2]:25");
}

TEST_CASE("an attempt recorded twice counts once, and its reports are sent once")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net", "b@x.cjsm.net"})});
    const auto claimed = spool.commit(sent);
    AttemptOutcome failed = outcome(sent.message.id, claimed[0], State::failed, "550 5.1.1 unknown");
    failed.recipients[1].state = State::queued;
    failed.reports.push_back(message({delivery({"eric.brown@y.cjsm.net"}, "chambers")}));
    failed.reports[0].message.origin = vocabulary::Origin::report;
    spool.record(failed);
    failed.reports[0] = message({delivery({"eric.brown@y.cjsm.net"}, "chambers")});
    spool.record(failed);

    REQUIRE(spool.totals().messages == 2);
    const auto reports = spool.claim();
    REQUIRE(reports.size() == 1);
    REQUIRE(reports[0].delivery.organisation == "chambers");
    const Trace trace = spool.trace(sent.message.id);
    REQUIRE(trace.events.size() == 4);
    REQUIRE(trace.events[3].kind == "report");
    REQUIRE(trace.events[3].reply == reports[0].message->id);
}

TEST_CASE("a large report is a file like any large content")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    const auto claimed = spool.commit(sent);
    AttemptOutcome failed = outcome(sent.message.id, claimed[0], State::failed);
    const NewMessage report = message({delivery({"eric.brown@y.cjsm.net"})}, std::string(30'000, 'r'));
    failed.reports.push_back(report);
    spool.record(failed);
    REQUIRE(spool.body_files() == 1);
    REQUIRE(spool.content(report.message.id) == *report.content);
}

TEST_CASE("an attempt that holds the rest keeps it until it is released")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    const auto claimed = spool.commit(sent);
    AttemptOutcome holding = outcome(sent.message.id, claimed[0], State::queued, "outage");
    holding.hold = true;
    holding.hold_reason = "outage";
    spool.record(holding);
    spool.clock.at += std::chrono::hours(100);
    REQUIRE(spool.claim().empty());
    REQUIRE(spool.totals().held == 1);
    REQUIRE(spool.totals().queued == 0);

    REQUIRE(value_of(wait_for(spool.store->release_organisation("courts", "sanction", spool.clock.at))) == 0);
    REQUIRE(value_of(wait_for(spool.store->release_organisation("courts", "outage", spool.clock.at))) == 1);
    REQUIRE(spool.claim().size() == 1);
    REQUIRE(spool.totals().held == 0);
    const Trace trace = spool.trace(sent.message.id);
    REQUIRE(trace.events.back().kind == "released");
}

TEST_CASE("a message that is held from the start stays out of claims")
{
    Opened spool;
    NewMessage sent = message({delivery({"a@x.cjsm.net"}), delivery({"b@y.cjsm.net"}, "police")});
    sent.deliveries[0].held = true;
    sent.deliveries[0].hold_reason = "quarantine";
    const auto claimed = spool.commit(sent);
    REQUIRE(claimed.size() == 1);
    REQUIRE(claimed[0].organisation == "police");
    REQUIRE(spool.totals().held == 1);
    REQUIRE(spool.trace(sent.message.id).recipients[0].state == State::held);
}

TEST_CASE("administrators hold, release, retry, bounce and remove what waits")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    spool.commit(sent, false);
    const QueueFilter it{
        .ids = {sent.message.id}, .sender = {}, .recipient = {}, .organisation = {}, .held = {}, .older_than = {}};
    auto& store = *spool.store;

    REQUIRE(value_of(wait_for(store.release(it, noon, "ann"))) == 0);
    REQUIRE(value_of(wait_for(store.hold(it, "look first", "ann"))) == 1);
    REQUIRE(value_of(wait_for(store.hold(it, "look first", "ann"))) == 0);
    REQUIRE(value_of(wait_for(store.retry(it, noon, "ann"))) == 0);
    REQUIRE(spool.claim().empty());
    REQUIRE(spool.trace(sent.message.id).recipients[0].state == State::held);
    REQUIRE(value_of(wait_for(store.release(it, noon + minutes(1), "ann"))) == 1);
    REQUIRE(spool.claim().empty());
    REQUIRE(value_of(wait_for(store.retry(it, noon, "ann"))) == 1);
    REQUIRE(value_of(wait_for(store.bounce(it, "no such case", "bob"))) == 1);
    const auto claimed = spool.claim();
    REQUIRE(claimed.size() == 1);
    REQUIRE(claimed[0].delivery.bounce_reason == "no such case");
    value_of(wait_for(store.unclaim({claimed[0].delivery.id}, noon)));
    REQUIRE(value_of(wait_for(store.remove(it, "bob"))) == 1);
    REQUIRE(value_of(wait_for(store.remove(it, "bob"))) == 0);

    REQUIRE(spool.totals().messages == 0);
    const Trace trace = spool.trace(sent.message.id);
    REQUIRE(trace.recipients[0].state == State::removed);
    std::vector<std::string> kinds;
    for (const Event& event : trace.events) kinds.push_back(event.kind);
    REQUIRE(std::ranges::count(kinds, "held") == 1);
    REQUIRE(std::ranges::count(kinds, "released") == 1);
    REQUIRE(std::ranges::count(kinds, "retry") == 1);
    REQUIRE(std::ranges::count(kinds, "bounced") == 1);
    REQUIRE(trace.events.back().actor != "");
}

TEST_CASE("an act on a delivery under way takes effect when it comes back")
{
    Opened spool;
    auto& store = *spool.store;
    const NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    const auto claimed = spool.commit(sent);
    const QueueFilter it{
        .ids = {sent.message.id}, .sender = {}, .recipient = {}, .organisation = {}, .held = {}, .older_than = {}};
    const AttemptOutcome put_off = outcome(sent.message.id, claimed[0], State::queued, "450 4.2.2 later");

    SECTION("hold")
    {
        REQUIRE(value_of(wait_for(store.hold(it, "why", "ann"))) == 1);
        spool.record(put_off);
        REQUIRE(spool.totals().held == 1);
        const auto entries = value_of(wait_for(store.list(it)));
        REQUIRE(entries.size() == 1);
        REQUIRE(entries[0].delivery.held);
        REQUIRE(entries[0].delivery.hold_reason == "why");
    }
    SECTION("hold, thought better of")
    {
        REQUIRE(value_of(wait_for(store.hold(it, "why", "ann"))) == 1);
        REQUIRE(value_of(wait_for(store.release(it, noon, "ann"))) == 1);
        spool.record(put_off);
        REQUIRE(spool.totals().held == 0);
    }
    SECTION("remove")
    {
        REQUIRE(value_of(wait_for(store.remove(it, "ann"))) == 1);
        REQUIRE(spool.totals().messages == 1);
        spool.record(put_off);
        REQUIRE(spool.totals().messages == 0);
        REQUIRE(spool.trace(sent.message.id).recipients[0].state == State::removed);
    }
    SECTION("remove, but it was taken meanwhile")
    {
        REQUIRE(value_of(wait_for(store.remove(it, "ann"))) == 1);
        spool.record(outcome(sent.message.id, claimed[0], State::relayed));
        REQUIRE(spool.trace(sent.message.id).recipients[0].state == State::relayed);
    }
    SECTION("remove, and the process ends before it comes back")
    {
        REQUIRE(value_of(wait_for(store.remove(it, "ann"))) == 1);
        spool.open();
        REQUIRE(spool.totals().messages == 0);
        REQUIRE(spool.totals().queued == 0);
        REQUIRE(spool.trace(sent.message.id).recipients[0].state == State::removed);
    }
    SECTION("bounce")
    {
        REQUIRE(value_of(wait_for(store.bounce(it, "no such case", "ann"))) == 1);
        spool.record(put_off);
        const auto again = spool.claim();
        REQUIRE(again.size() == 1);
        REQUIRE(again[0].delivery.bounce_reason == "no such case");
    }
    SECTION("retry")
    {
        REQUIRE(value_of(wait_for(store.retry(it, noon, "ann"))) == 1);
        spool.record(put_off);
        REQUIRE(spool.claim().size() == 1);
    }
}

TEST_CASE("a filter chooses by sender, recipient, organisation, state and age")
{
    Opened spool;
    auto& store = *spool.store;
    NewMessage old =
        message({delivery({"listing@crowncourt.example.cjsm.net"}), delivery({"desk@police.cjsm.net"}, "police")}, "x",
                noon - minutes(60));
    old.message.sender = "Ann@chambers.cjsm.net";
    spool.commit(old, false);
    const NewMessage young = message({delivery({"results@crowncourt.example.cjsm.net"})});
    spool.commit(young, false);
    const auto count = [&](QueueFilter filter) { return value_of(wait_for(store.list(std::move(filter)))).size(); };

    QueueFilter filter;
    REQUIRE(count(filter) == 3);
    filter.sender = "ann@*";
    REQUIRE(count(filter) == 2);
    filter.recipient = "*@POLICE.cjsm.net";
    REQUIRE(count(filter) == 1);
    filter = {};
    filter.organisation = "courts";
    REQUIRE(count(filter) == 2);
    filter.older_than = minutes(30);
    REQUIRE(count(filter) == 1);
    filter = {};
    filter.held = true;
    REQUIRE(count(filter) == 0);
    filter = {};
    filter.limit = 2;
    REQUIRE(count(filter) == 2);
    filter = {};
    filter.ids = {old.message.id, young.message.id, "unknown"};
    REQUIRE(count(filter) == 3);
}

TEST_CASE("an act reaches a queue longer than one commit takes")
{
    Opened spool;
    std::vector<DeliveryRecord> many;
    for (int i = 0; i < 350; ++i) many.push_back(delivery({"a@x.cjsm.net"}));
    spool.commit(message(std::move(many)), false);
    QueueFilter all;
    all.limit = 0;
    REQUIRE(value_of(wait_for(spool.store->hold(all, "why", "ann"))) == 350);
    REQUIRE(spool.totals().held == 350);
}

}  // namespace postern::store::test
