// room: mail
// Addresses, domains and lists of them: whatever parses, parses again to the same, and places lie where they say.
#include "base/text.hpp"
#include "mail/header.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::mail;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

void check(const Address& address)
{
    must(address.text().size() <= 254 && is_utf8(address.text()) && is_utf8(address.key()));
    must(address.text().ends_with("@" + address.domain().text()));
    must(address.key().ends_with("@" + address.domain().key()));
    must(is_ascii(address.domain().key()));
    for (const char c : address.text()) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
    const auto again = Address::parse(address.text());
    must(again && *again == address && again->local() == address.local());
    const auto by_key = Address::parse(address.key());
    // A key in A-labels may be longer than an address can be.
    must(address.key().size() > 254 || !is_ascii(address.domain().text()) ||
         (by_key && by_key->key() == address.key()));

    const auto domain = Domain::parse("a.cjsm.net");
    const Address moved = address.at(*domain);
    must(moved.domain().is_below("cjsm.net") && moved.at(address.domain()) == address);
    must(moved.at(address.domain()).text() == address.text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto address = Address::parse(text)) check(*address);
    if (const auto domain = Domain::parse(text)) must(Domain::parse(domain->key())->key() == domain->key());

    const auto list = find_addresses(text);
    std::size_t reached = 0;
    for (const auto& place : list.places) {
        check(place.address);
        must(place.domain_offset > reached && place.domain_size > 0);
        reached = place.domain_offset + place.domain_size;
        must(reached <= text.size());
        const auto bytes = text.substr(place.domain_offset, place.domain_size);
        if (bytes.size() == place.address.domain().text().size()) must(bytes == place.address.domain().text());
    }

    // Every domain that may be a member's moved below a suffix: as many addresses, each with its local part. In a
    // malformed list an edit may close what was open, and another reading begins there.
    if (list.malformed) return 0;
    Edits edits;
    for (const auto& place : list.places)
        if (!place.address.domain().is_literal())
            edits.push_back({place.domain_offset, place.domain_size, "a.cjsm.net"});
    const auto moved = find_addresses(applied(text, edits));
    must(moved.places.size() >= list.places.size());
    if (moved.places.size() == list.places.size())
        for (std::size_t i = 0; i < list.places.size(); ++i)
            must(moved.places[i].address.local() == list.places[i].address.local());
    return 0;
}
