#include "gateway/evidence.hpp"

#include "gateway/replay.hpp"
#include "policy/loader.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::gateway;

namespace {

policy::SnapshotPtr demo()
{
    static const policy::SnapshotPtr loaded = policy::Loader(POSTERN_SOURCE_DIR "/rules").load(7).snapshot;
    REQUIRE(loaded);
    return loaded;
}

/// Eric's message to the court, of which the ledger has this evidence.
RehearsedRecipient decided_by(const char* evidence)
{
    RecordedMail mail;
    mail.id = "01M84TPRWRF3YT6R30B3NGZ083";
    mail.received = from_micros(1'800'000'000'000'000);
    mail.organisation = "greenstone";
    mail.sender = *mail::Address::parse("eric.brown@greenstonechambers.co.uk.cjsm.net");
    mail.peer = "127.0.0.11";
    mail.size = 2000;
    mail.content = recorded_in(boost::json::parse(evidence).as_object());
    mail.recipients = {{"listing@crowncourt.example.cjsm.net", "crown-court"}};
    RehearsalDesk desk;
    desk.policy = demo();
    return replay(desk, mail).recipients.at(0);
}

}  // namespace

TEST_CASE("a message without attachments is decided again although its content is gone", "[evidence]")
{
    const auto recipient = decided_by(
        R"({"values": {"message.structure": ["fine"]}, "digests": {"header.x-protective-marking": [], "header.content-type": [], "message.virus": [],
            "message.unscannable": []}, "attachments": []})");
    CHECK(recipient.verdict == "deliver");
    CHECK(unknown_clauses(recipient).empty());
}

TEST_CASE("what was recorded decides as it did, attachment by attachment", "[evidence]")
{
    const auto refused =
        decided_by(R"({"values": {"message.structure": ["fine"], "header.content-type": []}, "attachments": [
        {"values": {"attachment.name": ["notes.txt"], "attachment.detected_type": ["text/plain"]}},
        {"values": {"attachment.name": ["Setup.EXE"], "attachment.detected_type": ["text/plain"]}}]})");
    CHECK(refused.verdict == "reject");
    CHECK(refused.reply == "550 5.7.1 Attachment Setup.EXE is of a kind this service does not carry");
}

TEST_CASE("what was kept as a digest only, or not at all, can't be decided by", "[evidence]")
{
    const auto digest = decided_by(R"({"values": {"message.structure": ["fine"]}, "attachments": [
        {"digests": {"attachment.name": ["8d23cf6c86e834a7aa6eded54c26ce2bb2e74903538c61bdd5d2197997ab2f72"]}}]})");
    CHECK(digest.verdict == "undecided");
    CHECK_FALSE(unknown_clauses(digest).empty());
    CHECK(decided_by("{}").verdict == "undecided");
    const auto unlisted =
        decided_by(R"({"values": {"message.structure": ["fine"]}, "attachments": [], "unlisted": true})");
    CHECK(unlisted.verdict == "undecided");
}

TEST_CASE("evidence that is no evidence says nothing", "[evidence]")
{
    for (const char* text : {R"({"values": 7, "digests": [], "attachments": {}})", R"({"values": {"a": {"b": 1}}})"}) {
        const auto recorded = recorded_in(boost::json::parse(text).as_object());
        CHECK(recorded.fields.empty());
        CHECK_FALSE(recorded.attachments.has_value());
    }
}
