#include "fixture.hpp"

namespace postern::store::test {

namespace {

using vocabulary::Heard;

constexpr auto envelope = "ENV-1";

/// A message to two recipients at one member, handed over, whose sender asked.
struct Handed : Opened {
    explicit Handed(bool relayed = true) : Handed("<1@chambers>", relayed) {}
    explicit Handed(const std::string& message_id, bool relayed = true) { id = send(message_id, relayed); }

    std::string send(const std::string& message_id, bool relayed = true, const std::string& from = "chambers")
    {
        NewMessage sent = message({delivery({"Listing@court.cjsm.net", "cc@court.cjsm.net"})});
        sent.message.header_message_id = message_id;
        sent.message.envelope_id = envelope;
        sent.message.organisation = from;
        const std::string sent_id = sent.message.id;
        const auto claimed = commit(std::move(sent));
        auto became = outcome(sent_id, claimed[0], relayed ? State::relayed : State::failed);
        became.recipients[0].answer_due = noon + std::chrono::hours(1);
        record(std::move(became));
        return sent_id;
    }

    [[nodiscard]] HandedOver meant() const
    {
        return {.id = {},
                .sent_by = "chambers",
                .message_id = "<1@chambers>",
                .envelope_id = {},
                .organisation = "courts",
                .recipient = "listing@court.cjsm.net"};
    }
    std::optional<std::int64_t> find(HandedOver what)
    {
        return value_of(wait_for(store->handed_over(std::move(what))));
    }

    /// A report comes back and is stored.
    void hear(std::int64_t recipient, Heard heard)
    {
        NewMessage report = message({delivery({"eric@chambers.cjsm.net"}, "chambers")}, "x", clock.at);
        report.message.organisation = "courts";
        report.heard = {{recipient, heard, "courts", "so it says"}};
        commit(std::move(report));
    }
    std::size_t answers_due(Instant now) { return value_of(wait_for(store->answers_due(now, 10))).size(); }

    std::string id;
};

}  // namespace

TEST_CASE("a report finds the recipient whom it means, by the ids that were given and no others")
{
    Handed spool;
    const auto first = spool.trace(spool.id).recipients.front().id;
    REQUIRE(spool.find(spool.meant()) == first);
    const auto with = [&](auto change) {
        auto what = spool.meant();
        change(what);
        return spool.find(std::move(what));
    };
    CHECK_FALSE(with([](auto& w) { w.message_id = "<2@chambers>"; }));
    CHECK_FALSE(with([](auto& w) { w.sent_by = "police"; }));
    CHECK_FALSE(with([](auto& w) { w.organisation = "police"; }));
    CHECK_FALSE(with([](auto& w) { w.recipient = "bcc@court.cjsm.net"; }));
    CHECK_FALSE(with([](auto& w) { w.envelope_id = "ENV-2"; }));
    CHECK_FALSE(with([](auto& w) { w.message_id.clear(); }));
    CHECK(with([](auto& w) { w.envelope_id = envelope; }) == first);
    CHECK(with([](auto& w) {
              w.message_id.clear();
              w.envelope_id = envelope;
          }) == first);
    CHECK(with([&](auto& w) {
              w.id = spool.id;
              w.sent_by = "police";  // our own token names the message
          }) == first);
    CHECK_FALSE(with([&](auto& w) {
        w.id = spool.id;
        w.message_id = "<2@chambers>";
    }));
}

TEST_CASE("of several messages with one Message-ID a report means the newest that its organisation sent")
{
    Handed spool;
    const auto again = spool.send("<1@chambers>");
    spool.send("<1@chambers>", true, "police");
    REQUIRE(spool.find(spool.meant()) == spool.trace(again).recipients.front().id);
}

TEST_CASE("nothing is heard of a recipient to whom nothing was handed over")
{
    Handed spool(false);
    REQUIRE_FALSE(spool.find(spool.meant()));
}

TEST_CASE("what is heard stands in the history once, beside the state, and outlives a restart")
{
    Handed spool;
    const auto to = *spool.find(spool.meant());
    spool.hear(to, Heard::delivered);
    spool.hear(to, Heard::read);
    spool.hear(to, Heard::read);
    spool.open();
    spool.hear(to, Heard::read);
    const auto trace = spool.trace(spool.id);
    REQUIRE(trace.recipients[0].heard == (bit(Heard::delivered) | bit(Heard::read)));
    REQUIRE(trace.recipients[0].state == State::relayed);
    REQUIRE(trace.recipients[1].heard == 0);
    std::vector<std::string> heard;
    for (const auto& event : trace.events)
        if (event.kind == "reported") {
            heard.push_back(event.state);
            CHECK(event.actor == "courts");
            CHECK(event.reply == "so it says");
            CHECK(event.recipient == "Listing@court.cjsm.net");
        }
    REQUIRE(heard == std::vector<std::string>{"delivered", "read"});
}

TEST_CASE("an answer is due until something is heard, and a delay is nothing yet")
{
    Handed spool;
    REQUIRE(spool.answers_due(noon) == 0);
    const auto later = noon + std::chrono::hours(2);
    REQUIRE(spool.answers_due(later) == 1);
    const auto to = *spool.find(spool.meant());
    spool.hear(to, Heard::delayed);
    REQUIRE(spool.answers_due(later) == 1);
    spool.hear(to, Heard::relayed);
    REQUIRE(spool.answers_due(later) == 0);
}

TEST_CASE("an answer is given once")
{
    Handed spool;
    const auto due = value_of(wait_for(spool.store->answers_due(noon + std::chrono::hours(2), 10)));
    REQUIRE(due.size() == 1);
    REQUIRE(due[0].recipients.size() == 1);  // the one whose sender asked
    const auto answer = [&] {
        Answered what{spool.id, {due[0].recipients[0].id}, noon + std::chrono::hours(2), 9, {}};
        auto report = message({delivery({"eric@chambers.cjsm.net"}, "chambers")}, "x");
        report.message.origin = vocabulary::Origin::report;
        what.reports.push_back(std::move(report));
        return value_of(wait_for(spool.store->answer(std::move(what))));
    };
    REQUIRE(answer());
    REQUIRE_FALSE(answer());
    REQUIRE(spool.answers_due(noon + std::chrono::hours(3)) == 0);
    std::size_t reports = 0;
    for (const auto& event : spool.trace(spool.id).events)
        if (event.kind == "report") ++reports;
    REQUIRE(reports == 1);
}

}  // namespace postern::store::test
