// From recipients to deliveries: those who get the same bytes at the same member travel together.
//
// Pure; on the caller's thread. The original is stored once, each delivery is a list of edits against it.
#pragma once

#include "base/fault.hpp"
#include "mail/header.hpp"
#include "policy/snapshot.hpp"
#include "store/mail_records.hpp"
#include "transform/trace_token.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::gateway {

/// What was decided about one recipient. elsewhere: it is in the ledger only, with the state that its record has.
enum class Verdict { deliver, refuse, defer, quarantine, hold, elsewhere };

struct PlannedRecipient {
    store::RecipientRecord record;
    std::string key;  ///< Address::key() of its form inside the community
    const vocabulary::Organisation* organisation = nullptr;
    std::vector<policy::TagOrder> tags;  ///< what content rules and then tagging.yaml order for this recipient
    std::string bounce_reason{};         ///< of refuse: it gets a report, not mail
    Verdict verdict = Verdict::deliver;
    std::optional<Fault> fault{};                  ///< of refuse and defer
    std::string reason{};                          ///< of quarantine and hold
    std::string rule{};                            ///< name of the rule that ordered quarantine or hold
    std::optional<Instant> ends{};                 ///< of quarantine and hold
    std::optional<mail::Address> redirected_to{};  ///< of elsewhere: who gets it instead
    std::vector<std::string> rules{};              ///< content rules that held
    std::optional<bool> first_contact{};           ///< nothing: no rule asks, or it can't be said
    bool added = false;                            ///< by a rule: it is none of the envelope's
};

struct PlanFacts {
    std::string message_id;
    unsigned hops = 1;  ///< times this message has been handed over when these deliveries are made
    Instant due{};
    Instant decide_at{};  ///< when deferred recipients are decided again
};

/// One delivery for each group of recipients with the same member, the same tags and the same verdict; one for each
/// recipient that is to be decided again, now (quarantine) or by itself (defer), and these have no edits yet. `entry`
/// is the editor that the whole message shares. Recipients that are elsewhere get none.
[[nodiscard]] std::vector<store::DeliveryRecord> plan_deliveries(const mail::HeaderEditor& entry,
                                                                 const PlanFacts& facts,
                                                                 std::vector<PlannedRecipient> recipients,
                                                                 const transform::TraceKey& key);

}  // namespace postern::gateway
