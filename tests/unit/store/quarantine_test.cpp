// Verdicts other than to deliver, as the store keeps them.
#include "fixture.hpp"
#include "store/mail_schema.hpp"

#include <algorithm>

namespace postern::store::test {

using std::chrono::days;
using std::chrono::minutes;

namespace {

NewMessage quarantined(Instant ends = noon + days(30))
{
    NewMessage made = message({delivery({"a@x.cjsm.net"})});
    made.deliveries[0].quarantined = true;
    made.deliveries[0].hold_reason = "marked above this service's level";
    made.deliveries[0].rule = "marking";
    made.deliveries[0].ends = ends;
    made.deliveries[0].recipients[0].decision = R"({"verdict":"quarantine"})";
    return made;
}

std::vector<QueueEntry> in_quarantine(Opened& spool)
{
    QueueFilter filter;
    filter.quarantined = true;
    return value_of(wait_for(spool.store->list(filter)));
}

/// The message goes on to its recipient, as a release decides.
Redecision released(const std::string& id, const QueueEntry& entry)
{
    Redecision what;
    what.message_id = id;
    what.delivery_id = entry.delivery.id;
    what.at = noon + minutes(1);
    what.generation = 9;
    what.release = true;
    what.reason = "harmless";
    what.actor = "ann";
    what.plan.due = what.at;
    what.plan.edits = {{0, 0, "X-Released: yes\r\n"}};
    what.plan.recipients = entry.delivery.recipients;
    what.plan.recipients[0].state = State::queued;
    return what;
}

std::vector<std::string> kinds(const Trace& trace)
{
    std::vector<std::string> all;
    for (const Event& event : trace.events) all.push_back(event.kind);
    return all;
}

}  // namespace

TEST_CASE("what is quarantined is never claimed, is no part of the queue, and survives a restart")
{
    Opened spool;
    const NewMessage sent = quarantined();
    REQUIRE(spool.commit(sent).empty());
    REQUIRE(spool.totals().quarantined == 1);
    spool.open();
    REQUIRE(spool.claim().empty());
    REQUIRE(value_of(wait_for(spool.store->list({}))).empty());
    const auto entries = in_quarantine(spool);
    REQUIRE(entries.size() == 1);
    REQUIRE(entries[0].delivery.rule == "marking");
    REQUIRE(entries[0].delivery.ends == noon + days(30));
    REQUIRE(entries[0].delivery.recipients[0].state == State::quarantined);
    REQUIRE(entries[0].delivery.recipients[0].decision == R"({"verdict":"quarantine"})");
    REQUIRE(spool.totals().quarantined == 1);
    REQUIRE(spool.totals().queued == 0);
    REQUIRE(spool.content(sent.message.id) == *sent.content);
    REQUIRE(kinds(spool.trace(sent.message.id)) == std::vector<std::string>{"received", "quarantined"});
}

TEST_CASE("acts on the queue do not reach what is quarantined")
{
    Opened spool;
    const NewMessage sent = quarantined();
    spool.commit(sent);
    QueueFilter all;
    all.ids = {sent.message.id};
    REQUIRE(value_of(wait_for(spool.store->release(all, noon, "ann"))) == 0);
    REQUIRE(value_of(wait_for(spool.store->remove(all, "ann"))) == 0);
    REQUIRE(value_of(wait_for(spool.store->bounce(all, "no", "ann"))) == 0);
    REQUIRE(in_quarantine(spool).size() == 1);
}

TEST_CASE("a release takes effect once, with what was decided")
{
    Opened spool;
    const NewMessage sent = quarantined();
    spool.commit(sent);
    const Redecision what = released(sent.message.id, in_quarantine(spool).front());
    REQUIRE(value_of(wait_for(spool.store->redecide(what))));
    REQUIRE_FALSE(value_of(wait_for(spool.store->redecide(what))));
    REQUIRE(in_quarantine(spool).empty());
    spool.clock.at = noon + minutes(2);
    const auto claimed = spool.claim();
    REQUIRE(claimed.size() == 1);
    REQUIRE_FALSE(claimed[0].delivery.quarantined);
    REQUIRE(claimed[0].delivery.edits == what.plan.edits);
    const auto trace = spool.trace(sent.message.id);
    REQUIRE(trace.events.back().kind == "released");
    REQUIRE(trace.events.back().actor == "ann");
    REQUIRE(trace.events.back().reply == "harmless");
}

TEST_CASE("what nobody released comes to be given up when its time is over, and not before")
{
    Opened spool;
    spool.commit(quarantined(noon + minutes(10)));
    spool.clock.at = noon + minutes(9);
    REQUIRE(spool.claim().empty());
    REQUIRE(value_of(wait_for(spool.store->next_due())) == noon + minutes(10));
    spool.clock.at = noon + minutes(10);
    REQUIRE(spool.claim().at(0).delivery.quarantined);
    spool.open();  // killed before it was recorded: still there
    REQUIRE(in_quarantine(spool).size() == 1);
    const auto again = spool.claim();
    REQUIRE(again.at(0).delivery.quarantined);
    spool.record(outcome(again[0].message->id, again[0].delivery, State::expired, "550 5.7.1 Kept", spool.clock.at));
    REQUIRE(in_quarantine(spool).empty());
    REQUIRE(spool.totals().quarantined == 0);
    REQUIRE(spool.trace(again[0].message->id).recipients[0].state == State::expired);
}

TEST_CASE("what is deleted from quarantine comes back as given up, with the reason")
{
    Opened spool;
    const NewMessage sent = quarantined();
    spool.commit(sent);
    REQUIRE(value_of(wait_for(spool.store->discard(sent.message.id, "550 5.7.1 Not released", "ann"))) == 1);
    REQUIRE(value_of(wait_for(spool.store->discard(sent.message.id, "550 5.7.1 Not released", "ann"))) == 0);
    const auto claimed = spool.claim();
    REQUIRE(claimed.at(0).delivery.bounce_reason == "550 5.7.1 Not released");
    REQUIRE_FALSE(claimed[0].delivery.quarantined);
    const auto trace = spool.trace(sent.message.id);
    REQUIRE(trace.events.back().kind == "deleted");
    REQUIRE(trace.events.back().actor == "ann");
}

TEST_CASE("mail that is held for a time goes on by itself when that is over")
{
    Opened spool;
    NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    sent.deliveries[0].held = true;
    sent.deliveries[0].hold_reason = "nobody reads at night";
    sent.deliveries[0].ends = noon + minutes(30);
    spool.commit(sent);
    REQUIRE(spool.claim().empty());
    REQUIRE(spool.totals().held == 1);
    spool.clock.at = noon + minutes(30);
    const auto claimed = spool.claim();
    REQUIRE(claimed.size() == 1);
    REQUIRE_FALSE(claimed[0].delivery.held);
    REQUIRE(claimed[0].delivery.recipients[0].state == State::queued);
    REQUIRE(spool.totals().held == 0);
    REQUIRE(spool.totals().queued == 1);
    REQUIRE(spool.trace(sent.message.id).events.back().kind == "released");
}

TEST_CASE("an undecided delivery says so to whoever claims it, and is decided only under its claim")
{
    Opened spool;
    NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    sent.deliveries[0].undecided = true;
    sent.deliveries[0].due = noon + minutes(1);
    spool.commit(sent);
    spool.clock.at = noon + minutes(1);
    const auto claimed = spool.claim();
    REQUIRE(claimed.at(0).delivery.undecided);

    Redecision what;
    what.message_id = sent.message.id;
    what.delivery_id = claimed[0].delivery.id;
    what.at = spool.clock.at;
    what.plan.due = what.at;
    what.plan.recipients = claimed[0].delivery.recipients;
    what.also = {message({delivery({"c@x.cjsm.net"})}, std::string(6000, 'c'))};
    REQUIRE(value_of(wait_for(spool.store->redecide(what))));
    what.also = {message({delivery({"c@x.cjsm.net"})}, std::string(6000, 'c'))};
    REQUIRE_FALSE(value_of(wait_for(spool.store->redecide(what))));
    REQUIRE(eventually([&] { return spool.body_files() == 1; }));  // that of the second went again
    const auto due = spool.claim();
    REQUIRE(due.size() == 2);
    REQUIRE(std::ranges::none_of(due, [](const auto& each) { return each.delivery.undecided; }));
    REQUIRE(kinds(spool.trace(sent.message.id)) == std::vector<std::string>{"received", "decided", "copy"});
}

TEST_CASE("an act that needs two people is given by the second, and the same person twice is one")
{
    Opened spool;
    const NewMessage sent = quarantined();
    spool.commit(sent);
    const auto ask = [&](const std::string& actor) {
        return value_of(
            wait_for(spool.store->consent(sent.message.id, "release_quarantine", actor, "harmless", spool.clock.at)));
    };
    REQUIRE(ask("ann").first_asks);
    spool.open();
    spool.clock.at += minutes(1);
    const auto again = ask("ann");
    REQUIRE_FALSE(again.given);
    REQUIRE_FALSE(again.first_asks);
    REQUIRE(again.first == "ann");
    REQUIRE(ask("bob").given);
    REQUIRE(kinds(spool.trace(sent.message.id)) ==
            std::vector<std::string>{"received", "quarantined", "release_asked"});
    REQUIRE(value_of(wait_for(spool.store->redecide(released(sent.message.id, in_quarantine(spool).front())))));
    REQUIRE(ask("ann").first_asks);  // the act is done, and with it the consent
}

TEST_CASE("reports are stored with the message that causes them, or not at all")
{
    Opened spool;
    const NewMessage sent = quarantined();
    NewMessage report = message({delivery({"eric@x.cjsm.net"})}, std::string(6000, 'r'));
    report.message.origin = vocabulary::Origin::report;
    value_of(wait_for(spool.store->commit(sent, std::nullopt, {report})));
    REQUIRE(spool.claim().at(0).message->id == report.message.id);
    REQUIRE(spool.content(report.message.id).size() == 6000);
    REQUIRE(kinds(spool.trace(sent.message.id)) == std::vector<std::string>{"received", "quarantined", "report"});
}

TEST_CASE("who got mail from whom is known by what arrived, whatever the case of the addresses")
{
    Opened spool;
    const std::string sender = "eric.brown@greenstonechambers.co.uk.cjsm.net";
    const auto reached = [&](const std::string& from, const std::string& to) {
        return value_of(wait_for(spool.store->has_reached(from, to)));
    };
    const NewMessage sent = message({delivery({"a@x.cjsm.net", "b@x.cjsm.net"})});
    const auto claimed = spool.commit(sent);
    REQUIRE_FALSE(reached(sender, "a@x.cjsm.net"));
    auto became = outcome(sent.message.id, claimed[0], State::relayed);
    became.recipients[1].state = State::failed;
    spool.record(became);
    REQUIRE(reached(sender, "A@x.cjsm.net"));
    REQUIRE_FALSE(reached(sender, "b@x.cjsm.net"));
    REQUIRE_FALSE(reached("other@x.cjsm.net", "a@x.cjsm.net"));
}

TEST_CASE("a store of the first schema is taken over with its mail, and its numbers are not given again")
{
    TemporaryFolder folder;
    const auto directory = folder.path() / "spool";
    std::filesystem::create_directory(directory);
    {
        auto database = value_of(Database::open(directory / "mail.db", {}));
        value_of(migrate(database, mail_schema().first(1)));
        database.script(
            "INSERT INTO message VALUES(1,'01KB0000000000000000000000',1,0,3,'chambers','e@x.cjsm.net',NULL,'',NULL,"
            "'192.0.2.1','h','',4,0,0,0,0,'','[]',1,2,1,7);"
            "INSERT INTO recipient VALUES(1,1,'a@x.cjsm.net',5,'a@x','courts',0,'',1,0,1,'');"
            "INSERT INTO recipient VALUES(2,1,'b@x.cjsm.net',6,'b@x','courts',0,'',2,0,1,'250 Ok');"
            "INSERT INTO delivery VALUES(6,1,1,2,1,7,0,2,NULL,1,1,0,'','courts','by hand','',x'');"
            "INSERT INTO content VALUES(1,'body');");
    }
    SetClock clock;
    auto store = value_of(MailStore::open({.directory = directory, .clock = &clock}));
    const auto entries = value_of(wait_for(store->list({})));
    REQUIRE(entries.size() == 1);
    REQUIRE(entries[0].delivery.held);
    REQUIRE_FALSE(entries[0].delivery.ends);
    REQUIRE_FALSE(entries[0].delivery.undecided);
    REQUIRE(entries[0].message.extended);
    REQUIRE(*value_of(wait_for(store->content("01KB0000000000000000000000"))) == "body");
    REQUIRE(value_of(wait_for(store->release({}, noon, "ann"))) == 1);
    const NewMessage next = message({delivery({"c@x.cjsm.net"})});
    const auto claimed = value_of(wait_for(store->commit(next, noon + minutes(10))));
    REQUIRE(claimed.at(0).id == 8);
}

}  // namespace postern::store::test
