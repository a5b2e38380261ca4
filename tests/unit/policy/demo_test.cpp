// The demo community of rules/ as an administrator gets it.
#include "policy/loader.hpp"

#include <catch2/catch.hpp>

using namespace postern;

namespace {

policy::SnapshotPtr demo()
{
    policy::Loader loader(POSTERN_SOURCE_DIR "/rules");
    auto loaded = loader.load(7);
    INFO(policy::render(loaded.diagnostics, "rules"));
    REQUIRE(loaded.snapshot);
    return loaded.snapshot;
}

vocabulary::Ip ip(const char* text)
{
    return vocabulary::parse_ip(text).value();
}

mail::Domain domain(const char* text)
{
    return mail::Domain::parse(text).value();
}

}  // namespace

TEST_CASE("the demo community loads without an error")
{
    const auto snapshot = demo();
    REQUIRE(snapshot->generation() == 7);
    REQUIRE(snapshot->hash().size() == 64);
    REQUIRE(snapshot->organisations().size() == 6);
    REQUIRE(snapshot->community().suffix.text() == "cjsm.net");
    REQUIRE(snapshot->node().listeners.at(0).address == vocabulary::HostPort{"127.0.0.1", 2525});
    REQUIRE(snapshot->node().listeners.at(0).tls->certificate == POSTERN_SOURCE_DIR "/rules/tls/mx.pem");
}

TEST_CASE("a domain has the same owner in both of its forms and in any case")
{
    const auto snapshot = demo();
    const auto outside = snapshot->owner_of(domain("GreenstoneChambers.co.uk"));
    const auto inside = snapshot->owner_of(domain("greenstonechambers.co.uk.CJSM.net"));
    REQUIRE(outside);
    REQUIRE(inside);
    REQUIRE(outside->organisation->id == "greenstone");
    REQUIRE(outside->domain == inside->domain);
    REQUIRE(!outside->inside);
    REQUIRE(inside->inside);
    REQUIRE(!snapshot->owner_of(domain("example.org")));
    REQUIRE(snapshot->owner_of(domain("cjsm.net"))->organisation == nullptr);
    REQUIRE(snapshot->owner_of(domain("victim-care.cjsm.net"))->organisation->id == "victim-care");
}

TEST_CASE("a connection belongs to the member whose network and certificate name it shows")
{
    const auto snapshot = demo();
    policy::Shown shown{ip("127.0.0.11"), true, {"mail.greenstonechambers.co.uk"}, std::string(64, 'a')};
    REQUIRE(snapshot->membership(shown).answer == policy::Membership::Answer::member);
    REQUIRE(snapshot->membership(shown).organisation->id == "greenstone");

    SECTION("not from another network")
    {
        shown.peer = ip("127.0.0.12");
        REQUIRE(snapshot->membership(shown).answer == policy::Membership::Answer::stranger);
    }
    SECTION("not with a certificate that nobody believed issued")
    {
        shown.certificate_trusted = false;
        REQUIRE(snapshot->membership(shown).answer == policy::Membership::Answer::stranger);
    }
    REQUIRE(snapshot->could_enter(ip("127.0.0.13")));
    REQUIRE(!snapshot->could_enter(ip("127.0.0.14")));
    REQUIRE(!snapshot->could_enter(ip("::1")));
}

TEST_CASE("mail for a server member is tagged and goes where the member says")
{
    const auto snapshot = demo();
    const auto recipient = mail::Address::parse("listing@crowncourt.example.cjsm.net").value();
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.recipient = &recipient;
    facts.recipient_organisation = snapshot->organisation("crown-court");
    facts.recipient_inside = true;
    facts.generation = 7;

    const auto tags = snapshot->tags(facts).value();
    REQUIRE(tags.size() == 1);
    REQUIRE(tags[0].subject_prefix == "CJSM: ");
    REQUIRE(tags[0].add_headers.at(0) == std::pair<std::string, std::string>{"X-Secure-Email", "generation=7"});
    REQUIRE(snapshot->subject_prefixes_removed_on_entry() == std::vector<std::string>{"CJSM: "});

    const auto route = snapshot->route(facts);
    REQUIRE(route->next_hop->name == "organisation:crown-court");
    REQUIRE(route->next_hop->verify_name == "mail.crowncourt.example");
    REQUIRE(route->rule == "organisations/crown-court.yaml:17 deliver_to");
}

TEST_CASE("the smallest limit counts and is called by whose it is")
{
    const auto snapshot = demo();
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::recipient;
    facts.recipient_organisation = snapshot->organisation("greenstone");
    REQUIRE(snapshot->receiving_limit(facts)->bytes == 4 << 20);
    REQUIRE(snapshot->receiving_limit(facts)->whose == "Greenstone Chambers");
    REQUIRE(snapshot->sending_limit(*snapshot->organisation("crown-court")).whose == "this service");

    facts.recipient_organisation = snapshot->organisation("northshire-police");
    facts.recipient_function = "custody";
    REQUIRE(snapshot->receiving_limit(facts)->bytes == 5 << 20);
    REQUIRE(snapshot->receiving_limit(facts)->whose == "small-for-custody");
}
