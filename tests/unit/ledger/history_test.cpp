#include "ledger/history.hpp"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

namespace postern::ledger {

namespace {

constexpr Instant noon = Instant(std::chrono::seconds(1'800'000'000));

store::Trace example()
{
    store::Trace trace;
    trace.message.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    trace.message.received = noon;
    trace.message.organisation = "greenstone";
    trace.message.sender = "eric.brown@greenstonechambers.co.uk.cjsm.net";
    trace.message.header_message_id = "<1@greenstonechambers.co.uk>";
    trace.message.size = 4096;
    trace.message.generation = 41;
    store::RecipientRecord to;
    to.address = "listing@crowncourt.example.cjsm.net";
    to.state = store::State::relayed;
    to.changed = noon + std::chrono::seconds(1);
    to.last_reply = "250 2.0.0 Ok";
    trace.recipients = {to};
    trace.events = {{.at = noon,
                     .kind = "received",
                     .recipient = {},
                     .state = {},
                     .next_hop = "192.0.2.1",
                     .tls = "TLSv1.3",
                     .reply = {},
                     .generation = 41,
                     .actor = {}},
                    {.at = to.changed,
                     .kind = "attempt",
                     .recipient = to.address,
                     .state = "relayed",
                     .next_hop = "mail.crowncourt.example [192.0.2.2]:25",
                     .tls = "TLSv1.3",
                     .reply = to.last_reply,
                     .generation = 42,
                     .actor = {}}};
    return trace;
}

}  // namespace

TEST_CASE("a trace tells who sent it, what each peer said, and how it ended")
{
    REQUIRE(trace_text(example()) ==
            "01ARZ3NDEKTSV4RRFFQ69G5FAV  4096 bytes from eric.brown@greenstonechambers.co.uk.cjsm.net of greenstone\n"
            "  Message-ID <1@greenstonechambers.co.uk>\n"
            "  2027-01-15T08:00:00.000000Z  received from 192.0.2.1 over TLSv1.3 [generation 41]\n"
            "  2027-01-15T08:00:01.000000Z  listing@crowncourt.example.cjsm.net handed over, taken by "
            "mail.crowncourt.example [192.0.2.2]:25 over TLSv1.3: 250 2.0.0 Ok [generation 42]\n"
            "  outcome\n"
            "    listing@crowncourt.example.cjsm.net  handed over to its server at 2027-01-15T08:00:01.000000Z (250 "
            "2.0.0 Ok); nothing heard since\n");
}

TEST_CASE("what a member reports is told as its report, beside what is known")
{
    store::Trace trace = example();
    trace.recipients[0].heard = bit(vocabulary::Heard::delivered) | bit(vocabulary::Heard::read);
    for (const char* heard : {"delivered", "read"})
        trace.events.push_back({.at = noon + std::chrono::hours(1),
                                .kind = "reported",
                                .recipient = trace.recipients[0].address,
                                .state = heard,
                                .next_hop = {},
                                .tls = {},
                                .reply = "in \x1b[2J words",
                                .generation = 43,
                                .actor = "crown-court"});
    const std::string text = trace_text(trace);
    REQUIRE(
        text.find("listing@crowncourt.example.cjsm.net reported by crown-court: read: in ?[2J words [generation 43]") !=
        text.npos);
    REQUIRE(
        text.find("listing@crowncourt.example.cjsm.net  read, reported by crown-court at 2027-01-15T09:00:00.000000Z; "
                  "handed over to its server at 2027-01-15T08:00:01.000000Z (250 2.0.0 Ok)\n") != text.npos);
    REQUIRE(text.find("nothing heard") == text.npos);
    const auto one = trace_json(trace).at("recipients").at(0);
    REQUIRE(one.at("answer").as_string() == "read");
    REQUIRE(boost::json::serialize(one.at("heard")) == R"(["delivered","read"])");
}

TEST_CASE("a recipient's answer is what is known of it until its member reports more")
{
    store::Trace trace = example();
    const auto answer = [&](store::State state, unsigned heard) {
        trace.recipients[0].state = state;
        trace.recipients[0].heard = heard;
        return std::string(trace_json(trace).at("recipients").at(0).at("answer").as_string());
    };
    CHECK(answer(store::State::queued, 0) == "taken");
    CHECK(answer(store::State::quarantined, 0) == "taken");
    CHECK(answer(store::State::relayed, 0) == "handed over");
    CHECK(answer(store::State::relayed, bit(vocabulary::Heard::delayed)) == "handed over");
    CHECK(answer(store::State::relayed, bit(vocabulary::Heard::delivered)) == "delivered");
    CHECK(answer(store::State::delivered, 0) == "delivered");
    CHECK(answer(store::State::failed, 0) == "failed");
}

TEST_CASE("what a peer said cannot steer a terminal")
{
    store::Trace trace = example();
    trace.events[1].reply = "550 \x1b[2Jgone\r\nfake";
    trace.recipients[0].last_reply = trace.events[1].reply;
    const std::string text = trace_text(trace);
    REQUIRE(text.find('\x1b') == text.npos);
    REQUIRE(text.find('\r') == text.npos);
    REQUIRE(text.find("\nfake") == text.npos);
}

TEST_CASE("a trace as JSON leaves out what is empty, and is always valid text")
{
    store::Trace trace = example();
    trace.events[1].reply = "250 \xff broken";
    trace.message.sender.clear();
    const auto object = trace_json(trace);
    REQUIRE(object.at("message").at("sender").as_string().empty());
    REQUIRE(object.at("message").at("message_id").as_string() == "<1@greenstonechambers.co.uk>");
    REQUIRE_FALSE(object.at("message").as_object().contains("helo"));
    REQUIRE(object.at("recipients").at(0).at("state").as_string() == "relayed");
    REQUIRE(object.at("events").at(0).at("peer").as_string() == "192.0.2.1");
    REQUIRE(boost::json::serialize(object).find('\xff') == std::string::npos);
}

TEST_CASE("a queue entry says what happens next")
{
    store::QueueEntry entry;
    entry.message = example().message;
    entry.delivery.organisation = "crowncourt";
    entry.delivery.attempts = 1;
    entry.delivery.due = noon;
    entry.delivery.recipients = example().recipients;
    entry.delivery.recipients[0].state = store::State::queued;
    entry.delivery.recipients[0].last_reply = "450 4.2.2 Mailbox full";

    REQUIRE(queue_text(entry).find("1 attempt so far, next not before 2027-01-15T08:00:00.000000Z") !=
            std::string::npos);
    REQUIRE(queue_text(entry).find("queued (450 4.2.2 Mailbox full)") != std::string::npos);
    REQUIRE(queue_json(entry).at("delivery").at("due").as_string() == "2027-01-15T08:00:00.000000Z");

    entry.delivery.held = true;
    entry.delivery.hold_reason = "outage";
    REQUIRE(queue_text(entry).find("held: outage") != std::string::npos);
    REQUIRE_FALSE(queue_json(entry).at("delivery").as_object().contains("due"));

    entry.delivery.held = false;
    entry.delivery.bounce_reason = "wrong address";
    REQUIRE(queue_text(entry).find("to be given up: wrong address") != std::string::npos);
}

}  // namespace postern::ledger
