#include "fixture.hpp"

#include "store/glob.hpp"

namespace postern::store::test {

namespace {

std::vector<std::string> ids_of(Opened& spool, TraceFilter filter)
{
    std::vector<std::string> ids;
    for (const Trace& trace : value_of(wait_for(spool.store->trace(std::move(filter)))))
        ids.push_back(trace.message.id);
    return ids;
}

}  // namespace

TEST_CASE("messages are found by id, Message-ID, sender, recipient and time, newest first")
{
    Opened spool;
    std::vector<std::string> ids;
    for (int i = 0; i < 3; ++i) {
        NewMessage sent =
            message({delivery({i == 1 ? "Desk@police.cjsm.net" : "listing@court.cjsm.net", "cc@court.cjsm.net"})}, "x",
                    noon + std::chrono::minutes(i));
        sent.message.sender = i == 2 ? "ann@chambers.cjsm.net" : "Eric@chambers.cjsm.net";
        sent.message.header_message_id = "<" + std::to_string(i) + "@chambers>";
        ids.push_back(sent.message.id);
        spool.commit(std::move(sent), false);
    }
    using Ids = std::vector<std::string>;
    TraceFilter filter;
    REQUIRE(ids_of(spool, filter) == Ids{ids[2], ids[1], ids[0]});
    filter.limit = 2;
    REQUIRE(ids_of(spool, filter) == Ids{ids[2], ids[1]});
    filter = {};
    filter.id = ids[1];
    REQUIRE(ids_of(spool, filter) == Ids{ids[1]});
    filter.id = "<1@chambers>";
    REQUIRE(ids_of(spool, filter) == Ids{ids[1]});
    filter.id = "1@chambers";
    REQUIRE(ids_of(spool, filter) == Ids{ids[1]});
    filter.id = "9@chambers";
    REQUIRE(ids_of(spool, filter).empty());
    filter = {};
    filter.from = "eric@CHAMBERS.cjsm.net";
    REQUIRE(ids_of(spool, filter) == Ids{ids[1], ids[0]});
    filter.from = "*@chambers.cjsm.net";
    REQUIRE(ids_of(spool, filter) == Ids{ids[2], ids[1], ids[0]});
    filter.to = "desk@police.cjsm.net";
    REQUIRE(ids_of(spool, filter) == Ids{ids[1]});
    filter.to = "*@court.cjsm.net";
    REQUIRE(ids_of(spool, filter) == Ids{ids[2], ids[1], ids[0]});
    filter.since = noon + std::chrono::minutes(1);
    REQUIRE(ids_of(spool, filter) == Ids{ids[2], ids[1]});
    filter = {};
    filter.to = "nobody@court.cjsm.net";
    REQUIRE(ids_of(spool, filter).empty());
}

TEST_CASE("what one address or one organisation sent or got is found behind any number of others' messages")
{
    Opened spool;
    const auto commit = [&](const char* from, const char* by, const char* to, const char* of, int minute) {
        NewMessage sent = message({delivery({to}, of)}, "x", noon + std::chrono::minutes(minute));
        sent.message.sender = from;
        sent.message.organisation = by;
        const std::string id = sent.message.id;
        spool.commit(std::move(sent), false);
        return id;
    };
    const auto got = commit("eric@chambers.cjsm.net", "chambers", "Ann@court.cjsm.net", "court", 0);
    const auto wrote = commit("ann@court.cjsm.net", "court", "desk@police.cjsm.net", "police", 1);
    for (int i = 2; i < 40; ++i) commit("eric@chambers.cjsm.net", "chambers", "desk@police.cjsm.net", "police", i);
    using Ids = std::vector<std::string>;
    TraceFilter filter;
    filter.limit = 5;
    filter.party = "ann@court.cjsm.net";
    CHECK(ids_of(spool, filter) == Ids{wrote, got});
    filter.to = "*@police.cjsm.net";
    CHECK(ids_of(spool, filter) == Ids{wrote});
    filter.to = "desk@police.cjsm.net";
    CHECK(ids_of(spool, filter) == Ids{wrote});
    filter.to.clear();
    filter.party.clear();
    filter.organisations = {"court"};
    CHECK(ids_of(spool, filter) == Ids{wrote, got});
    filter.organisations = {"library"};
    CHECK(ids_of(spool, filter).empty());
}

TEST_CASE("totals are the same after a restart")
{
    Opened spool;
    NewMessage sent = message({delivery({"a@x.cjsm.net"}), delivery({"b@y.cjsm.net"}, "police")});
    sent.deliveries[1].held = true;
    spool.commit(sent);
    const QueueTotals before = spool.totals();
    spool.open();
    const QueueTotals after = spool.totals();
    REQUIRE(after.messages == before.messages);
    REQUIRE(after.queued == before.queued);
    REQUIRE(after.held == before.held);
    REQUIRE(after.by_organisation == before.by_organisation);
}

TEST_CASE("a glob matches as a shell's does, whatever the case")
{
    REQUIRE(glob_matches("*", ""));
    REQUIRE(glob_matches("a*c", "ABBC"));
    REQUIRE(glob_matches("*@x.*", "a@x.y"));
    REQUIRE(glob_matches("?", "\xc3\xa9"));
    REQUIRE(glob_matches("a**b?", "aXbc"));
    REQUIRE_FALSE(glob_matches("a", "ab"));
    REQUIRE_FALSE(glob_matches("a?", "a"));
    REQUIRE_FALSE(glob_matches("", "a"));
    REQUIRE_FALSE(glob_matches("*b", "abc"));
    REQUIRE(is_exact("a[b]@x"));
    REQUIRE_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*b", std::string(254, 'a')));
}

}  // namespace postern::store::test
