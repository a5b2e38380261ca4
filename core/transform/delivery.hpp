// What happens to a message for one delivery: the recipient's own addresses lose the suffix, the subject gets its tag.
//
// Pure functions on the hot path; any thread, no failure. Each works on a copy of the editor that on_entry() made.
#pragma once

#include "mail/header.hpp"
#include "vocabulary/organisation.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace postern::transform {

/// What one rule of content.yaml or tagging.yaml orders. Views must outlive the call.
struct Tag {
    std::string_view subject_prefix;  ///< "CJSM: "; empty: the subject stays
    bool once = true;                 ///< not where the subject carries it already
    std::span<const std::pair<std::string, std::string>> add_headers;
    std::span<const std::string> remove_headers;
    std::span<const std::pair<std::string, std::string>> replace_headers{};  ///< added; others of that name go
};

struct DeliveryFacts {
    const vocabulary::Organisation* recipient =
        nullptr;                ///< whose recipients get this; null or kind mailbox: nothing is stripped
    std::span<const Tag> tags;  ///< in the order in which they count
    std::string_view trace;     ///< value of the Postern-Trace field; empty: none
};

/// The entry's edits and those of this delivery. For a server member the addresses of its own domains lose the suffix
/// in To, Cc, Resent-To and Resent-Cc. Tags change the subject of every Subject field, and add one where there is none.
///
/// Tags take effect one after the other, each on what those before it made: a field that one adds, a later one that
/// removes or replaces that name takes away again. Within a tag: remove, then replace, then add. Subject: and
/// Postern-Trace: are none of their business.
[[nodiscard]] mail::HeaderEditor for_delivery(const mail::HeaderEditor& entry, const DeliveryFacts& facts);

}  // namespace postern::transform
