// The facts of one recipient as conditions see them, from what the paths hold. Views: the arguments must outlive them.
#pragma once

#include "gateway/transaction.hpp"
#include "vocabulary/facts.hpp"

namespace postern::gateway {

/// At RCPT and after DATA; the message's own facts are added by the caller.
[[nodiscard]] inline vocabulary::Facts facts_of(const Transaction& transaction, const AcceptedRecipient& recipient,
                                                Instant now)
{
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::recipient;
    facts.time = now;
    facts.peer = transaction.peer;
    facts.tls = transaction.tls;
    facts.sender_organisation = transaction.organisation;
    facts.sender = transaction.inside_sender ? &*transaction.inside_sender : nullptr;
    facts.recipient = &recipient.inside;
    facts.recipient_organisation = recipient.organisation;
    facts.recipient_function = recipient.function;
    facts.recipient_kind = recipient.kind;
    facts.listener = transaction.listener;
    facts.recipient_inside = recipient.organisation != nullptr;
    facts.size = transaction.sender.declared_size;
    facts.generation = transaction.policy().generation();
    return facts;
}

}  // namespace postern::gateway
