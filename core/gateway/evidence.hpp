// What the ledger keeps of a message's values, so that a trace can say later what its rules saw.
//
// Pure; on the caller's thread. Values of fields that content.yaml names under `record:` are kept as they are, cut;
// others that some rule asks for only as SHA-256 digests, so that the ledger is no second mailbox.
#pragma once

#include "gateway/transaction.hpp"
#include "gateway/verdicts.hpp"

#include <string>

namespace postern::gateway {

/// {"values": {"message.subject": ["..."]}, "digests": {"header.X-Marking": ["..."]}, "unknown": ["..."]}: at most 20
/// values of each field, digests over their lower-case form; unknown are those that nobody could find out. Fields about
/// the recipient stand with the recipients themselves. Empty where no rule asks for any.
[[nodiscard]] std::string evidence_of(const Transaction& transaction, const MessageView& view, Instant now);

}  // namespace postern::gateway
