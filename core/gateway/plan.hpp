// From recipients to deliveries: those who get the same bytes at the same member travel together.
//
// Pure; on the caller's thread. The original is stored once, each delivery is a list of edits against it.
#pragma once

#include "mail/header.hpp"
#include "policy/snapshot.hpp"
#include "store/mail_records.hpp"
#include "transform/trace_token.hpp"

#include <string>
#include <vector>

namespace postern::gateway {

struct PlannedRecipient {
    store::RecipientRecord record;
    std::string key;  ///< Address::key() of its form inside the community
    const vocabulary::Organisation* organisation = nullptr;
    std::vector<policy::TagOrder> tags;  ///< what the policy orders for this recipient
    std::string bounce_reason;           ///< not empty: refused after DATA; it gets a report, not mail
};

struct PlanFacts {
    std::string message_id;
    unsigned hops = 1;  ///< times this message has been handed over when these deliveries are made
    Instant due{};
};

/// One delivery for each group of recipients with the same member and the same tags. `entry` is the editor that the
/// whole message shares.
[[nodiscard]] std::vector<store::DeliveryRecord> plan_deliveries(const mail::HeaderEditor& entry,
                                                                 const PlanFacts& facts,
                                                                 std::vector<PlannedRecipient> recipients,
                                                                 const transform::TraceKey& key);

}  // namespace postern::gateway
