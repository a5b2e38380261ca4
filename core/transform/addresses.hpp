// Rewriting the domains of addresses inside a header field, byte for byte. Used by entry.cpp and delivery.cpp.
//
// Pure; any thread, no failure.
#pragma once

#include "mail/header.hpp"
#include "vocabulary/organisation.hpp"

#include <cstddef>
#include <string>

namespace postern::transform {

/// Gives the text that takes a domain's place; empty: the domain stays. inside_text() or outside_text().
using DomainText = std::string (*)(const mail::Domain&, const vocabulary::Organisation&);

/// Replaces domains in the addresses of the field at `index`; every other byte of its value stays.
void rewrite_addresses(mail::HeaderEditor& editor, std::size_t index, const vocabulary::Organisation& of,
                       DomainText replacement);

}  // namespace postern::transform
