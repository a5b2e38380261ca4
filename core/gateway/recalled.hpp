// A transaction as the ledger remembers it: for deciding again, and for the copies that a list makes.
//
// Pure; any thread.
#pragma once

#include "gateway/admission.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"
#include "ports/rates.hpp"
#include "store/mail_records.hpp"

namespace postern::gateway {

/// The message passed its listener's bounds when it came in; these are another generation's.
inline constexpr mail::HeaderLimits recalled_header{std::size_t{64} << 20, 1'000'000};

/// Without recipients. Fault (later): its sender's organisation is no longer declared.
[[nodiscard]] Result<Transaction> recalled_transaction(GenerationPtr generation, const store::MessageRecord& message,
                                                       ports::Rates* rates);
[[nodiscard]] ConnectionFacts recalled_connection(const store::MessageRecord& message);

}  // namespace postern::gateway
