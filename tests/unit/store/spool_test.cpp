#include "fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <fstream>
#include <thread>

namespace postern::store::test {

TEST_CASE("a committed message comes back whole with its deliveries claimed")
{
    Opened spool;
    NewMessage sent = message({delivery({"listing@crowncourt.example.cjsm.net", "results@crowncourt.example.cjsm.net"}),
                               delivery({"desk@northshire.police.example.cjsm.net"}, "police")});
    sent.deliveries[0].edits = {{.offset = 0, .removed = 3, .text = "abc"}};
    const std::string id = sent.message.id;

    const auto claimed = spool.commit(std::move(sent));

    REQUIRE(claimed.size() == 2);
    REQUIRE(claimed[0].recipients.size() == 2);
    REQUIRE(claimed[0].recipients[1].id > claimed[0].recipients[0].id);
    REQUIRE(claimed[1].id != claimed[0].id);
    REQUIRE(spool.content(id) == "Subject: x\r\n\r\nbody\r\n");
    REQUIRE(spool.claim().empty());
    REQUIRE(spool.totals().queued == 2);
    REQUIRE(spool.totals().messages == 1);
    REQUIRE(spool.totals().by_organisation ==
            std::vector<std::pair<std::string, std::uint64_t>>{{"courts", 1}, {"police", 1}});
    REQUIRE(spool.totals().oldest == noon);
}

TEST_CASE("everything that a delivery is made of survives the database")
{
    Opened spool;
    NewMessage sent = message({delivery({"listing@crowncourt.example.cjsm.net"})});
    MessageRecord& about = sent.message;
    about.origin = vocabulary::Origin::report;
    about.helo = "mx.example";
    about.tls = "TLSv1.3 X";
    about.body = mail::Body::eight_bit_mime;
    about.smtputf8 = about.require_tls = true;
    about.ret = mail::Return::full;
    about.envelope_id = "env";
    about.rules = R"(["a"])";
    DeliveryRecord& to = sent.deliveries[0];
    to.edits = {{.offset = 3, .removed = 1, .text = std::string("\0x\r\n", 4)}};
    to.bounce_reason = "no";
    to.attempts = 3;
    to.recipients[0].hop_address = "listing@crowncourt.example";
    to.recipients[0].notify = {.specified = true, .never = false, .success = true, .failure = false, .delay = true};
    to.recipients[0].original_recipient = "rfc822;x";
    const MessageRecord as_sent = about;
    const mail::Edits edits = to.edits;
    spool.commit(sent, false);

    const auto claimed = spool.claim();

    REQUIRE(claimed.size() == 1);
    const MessageRecord& got = *claimed[0].message;
    REQUIRE(got.id == as_sent.id);
    REQUIRE(got.origin == as_sent.origin);
    REQUIRE(got.received == as_sent.received);
    REQUIRE(got.sender == as_sent.sender);
    REQUIRE(got.header_message_id == as_sent.header_message_id);
    REQUIRE(got.helo == as_sent.helo);
    REQUIRE(got.tls == as_sent.tls);
    REQUIRE(got.size == as_sent.size);
    REQUIRE(got.body == as_sent.body);
    REQUIRE(got.smtputf8);
    REQUIRE(got.require_tls);
    REQUIRE(got.ret == as_sent.ret);
    REQUIRE(got.envelope_id == as_sent.envelope_id);
    REQUIRE(got.rules == as_sent.rules);
    REQUIRE(got.generation == 7);
    const DeliveryRecord& taken = claimed[0].delivery;
    REQUIRE(taken.edits == edits);
    REQUIRE(taken.bounce_reason == "no");
    REQUIRE(taken.attempts == 3);
    REQUIRE(taken.recipients[0].hop_address == "listing@crowncourt.example");
    REQUIRE(taken.recipients[0].notify == sent.deliveries[0].recipients[0].notify);
    REQUIRE(taken.recipients[0].original_recipient == "rfc822;x");
}

TEST_CASE("what commit answered is there after the process is gone without a farewell")
{
    TemporaryFolder folder;
    const auto options = MailStoreOptions{.directory = folder.path() / "spool", .body_in_database = 4096};
    const NewMessage small = message({delivery({"a@crowncourt.example.cjsm.net"})});
    const NewMessage large = message({delivery({"b@crowncourt.example.cjsm.net"})}, std::string(20'000, 'x'));

    const pid_t child = fork();
    if (child == 0) {
        auto store = MailStore::open(options);
        if (!store) _exit(1);
        for (const NewMessage& sent : {small, large})
            if (!wait_for((*store)->commit(sent, Instant(std::chrono::hours(1'000'000))))) _exit(2);
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);

    auto store = value_of(MailStore::open(options));
    REQUIRE(*value_of(wait_for(store->content(small.message.id))) == *small.content);
    REQUIRE(*value_of(wait_for(store->content(large.message.id))) == *large.content);
    // Its claims died with it.
    REQUIRE(value_of(wait_for(store->claim(noon, noon, 10))).size() == 2);
}

TEST_CASE("large contents are files, and go with the last delivery")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net"}), delivery({"b@y.cjsm.net"})}, std::string(50'000, 'y'));
    const auto claimed = spool.commit(sent);
    REQUIRE(spool.body_files() == 1);
    REQUIRE(spool.content(sent.message.id) == *sent.content);

    spool.record(outcome(sent.message.id, claimed[0], State::relayed));
    REQUIRE(spool.content(sent.message.id) == *sent.content);

    spool.record(outcome(sent.message.id, claimed[1], State::relayed));
    REQUIRE_FALSE(wait_for(spool.store->content(sent.message.id)));
    spool.store.reset();
    REQUIRE(spool.body_files() == 0);
}

TEST_CASE("files without a row, and half-written ones, go at the next start; the others stay")
{
    Opened spool;
    const NewMessage kept = message({delivery({"a@x.cjsm.net"})}, std::string(50'000, 'y'));
    spool.commit(kept);
    spool.store.reset();
    const auto folder = spool.folder.path() / "spool" / "bodies" / "AB";
    std::filesystem::create_directories(folder);
    const std::string orphan = "0123456789ABCDEFGHJKMNPQRS";
    std::ofstream(folder / orphan) << "orphan";
    std::ofstream(folder / ("." + orphan + ".new")) << "half";

    spool.open();

    REQUIRE(spool.body_files() == 1);
    REQUIRE(spool.content(kept.message.id) == *kept.content);
}

TEST_CASE("a message that fails to commit leaves no file, and harms no other")
{
    Opened spool;
    const NewMessage sent = message({delivery({"a@x.cjsm.net"})}, std::string(10, 'a'));
    spool.commit(sent);
    NewMessage again = message({delivery({"a@x.cjsm.net"})}, std::string(50'000, 'y'));
    again.message.id = sent.message.id;  // an id is given once

    const auto refused = wait_for(spool.store->commit(again, std::nullopt));

    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().retry() == Retry::later);
    REQUIRE(spool.content(sent.message.id) == *sent.content);
    REQUIRE_FALSE(spool.store->failing());
    spool.store.reset();
    REQUIRE(spool.body_files() == 0);
}

TEST_CASE("an id that is none is refused before it names a file")
{
    Opened spool;
    NewMessage sent = message({delivery({"a@x.cjsm.net"})}, std::string(50'000, 'y'));
    sent.message.id = "../../../../../../etc/passwd01";
    REQUIRE_FALSE(wait_for(spool.store->commit(sent, std::nullopt)));
}

TEST_CASE("messages committed at the same time share flushes")
{
    Opened spool;
    constexpr int count = 200;
    boost::asio::io_context context;
    int stored = 0;
    for (int i = 0; i < count; ++i)
        boost::asio::co_spawn(context, spool.store->commit(message({delivery({"a@x.cjsm.net"})}), std::nullopt),
                              [&stored](std::exception_ptr, const auto& result) { stored += result ? 1 : 0; });
    context.run();

    REQUIRE(stored == count);
    REQUIRE(spool.store->counters().jobs == count);
    REQUIRE(spool.store->counters().commits < count / 4);
    REQUIRE(spool.claim(500).size() == count);
}

TEST_CASE("refused recipients stand in the ledger only")
{
    Opened spool;
    NewMessage sent = message({delivery({"a@x.cjsm.net"})});
    sent.refused.push_back(recipient("b@x.cjsm.net"));
    sent.refused[0].last_reply = "552 5.3.4 too large";
    const auto claimed = spool.commit(sent);
    spool.record(outcome(sent.message.id, claimed[0], State::relayed));

    const Trace trace = spool.trace(sent.message.id);
    REQUIRE(trace.recipients.size() == 2);
    REQUIRE(trace.recipients[1].state == State::refused);
    REQUIRE(trace.events[1].recipient == "b@x.cjsm.net");
    REQUIRE(trace.events[1].reply == "552 5.3.4 too large");
    REQUIRE(spool.totals().messages == 0);
}

}  // namespace postern::store::test
