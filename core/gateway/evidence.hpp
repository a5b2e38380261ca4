// What the ledger keeps of a message's values: so that a trace can say later what its rules saw, and decide again.
//
// Pure; on the caller's thread. Values of fields that content.yaml names under `record:` are kept as they are, cut;
// others that some rule asks for only as SHA-256 digests, so that the ledger is no second mailbox.
#pragma once

#include "gateway/transaction.hpp"
#include "gateway/verdicts.hpp"
#include "vocabulary/recorded.hpp"

#include <boost/json/object.hpp>
#include <string>

namespace postern::gateway {

/// {"values": {"message.subject": ["..."]}, "digests": {"header.x-marking": ["..."]}, "unknown": ["..."],
///  "attachments": [{"values": ..., "digests": ..., "unknown": ...}], "unlisted": true}: at most 20 values of each
///  field
/// and 20 attachments, digests over their lower-case form; unknown are those that nobody could find out. `attachments`
/// is there where rules ask for them and they could be listed; `unlisted` where there are more. Fields that depend on
/// the sender's organisation or the recipient are not kept: the ledger has whom, the generation has what they are.
/// Empty where no rule asks for any.
[[nodiscard]] std::string evidence_of(const Transaction& transaction, const MessageView& view, Instant now);

/// What of it can be decided by again: values that were kept as they are, and that a field was absent.
[[nodiscard]] vocabulary::Recorded recorded_in(const boost::json::object& evidence);

}  // namespace postern::gateway
