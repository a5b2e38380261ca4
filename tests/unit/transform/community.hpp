// Two members and the helpers that the tests of this room share.
#pragma once

#include "mail/header.hpp"
#include "transform/delivery.hpp"
#include "transform/entry.hpp"
#include "vocabulary/organisation.hpp"

#include <string>
#include <vector>

namespace postern::test {

inline mail::Address address(const std::string& text)
{
    return mail::Address::parse(text).value();
}

inline vocabulary::MappedDomain mapped(const std::string& domain, const std::string& secure)
{
    return {mail::Domain::parse(domain).value(), mail::Domain::parse(secure).value()};
}

inline vocabulary::Organisation greenstone()
{
    vocabulary::Organisation organisation;
    organisation.id = "greenstone";
    organisation.name = "Greenstone Chambers";
    organisation.domains = {mapped("greenstonechambers.co.uk", "greenstonechambers.co.uk.cjsm.net"),
                            mapped("madetech.com", "madetech.cjsm.net")};
    return organisation;
}

inline vocabulary::Organisation crown_court()
{
    vocabulary::Organisation organisation;
    organisation.id = "crown-court";
    organisation.name = "Crown Court Listing";
    organisation.domains = {mapped("crowncourt.example", "crowncourt.example.cjsm.net")};
    return organisation;
}

inline const std::string id = "01HYA3Z6Q8F0K2M4P6R8T0V2X4";

inline transform::EntryFacts facts_of(const vocabulary::Organisation& sender)
{
    transform::EntryFacts facts;
    facts.message_id = id;
    facts.node = "mx.cjsm.net";
    facts.suffix = "cjsm.net";
    facts.helo = "mail.greenstonechambers.co.uk";
    facts.peer = vocabulary::parse_ip("203.0.113.9").value();
    facts.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    facts.generation = 41;
    facts.sender = &sender;
    return facts;
}

/// The message behind the door, without the Received field that stands in front.
inline std::string entered(const std::string& content, const transform::EntryFacts& facts)
{
    const auto header = mail::Header::parse(content).value();
    const auto edits = transform::on_entry(content, header, facts).edits();
    const std::string result = mail::applied(content, edits);
    const auto after = mail::Header::parse(result).value();
    return result.substr(after.fields().at(1).offset);
}

inline std::string delivered(const std::string& content, const transform::EntryFacts& facts,
                             const transform::DeliveryFacts& delivery)
{
    const auto header = mail::Header::parse(content).value();
    const auto entry = transform::on_entry(content, header, facts);
    return mail::applied(content, transform::for_delivery(entry, delivery).edits());
}

inline std::string field(const std::string& content, const std::string& name)
{
    const auto header = mail::Header::parse(content).value();
    const auto* found = header.find(name);
    return found == nullptr ? "(none)" : std::string(found->value);
}

inline const std::string dated = "Date: Mon, 23 Nov 2026 16:37:02 +0000\r\nMessage-ID: <1@x.example>\r\n";

}  // namespace postern::test
