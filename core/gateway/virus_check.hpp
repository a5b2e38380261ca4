// Before anybody's content rules: no virus passes, nothing passes unscanned, and what can't be looked into meets the
// verdict that node.yaml declares.
//
// Runs in the session's coroutine under the transaction's generation; the scanner is asked by ports/inspector.
#pragma once

#include "gateway/services.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"

#include <boost/asio/awaitable.hpp>

namespace postern::gateway {

/// Fault: the whole message is refused (5.7.1 a virus, or what can't be looked into) or deferred (4.7.1 it can't be
/// checked now). Passes at once where no signatures are declared. A virus is told by an alarm.
[[nodiscard]] boost::asio::awaitable<Result<void>> check_for_viruses(Services services, const Transaction& transaction,
                                                                     const mail::Header& header,
                                                                     store::Content content);

/// What a finding means as it is declared: the verdict alone.
[[nodiscard]] Result<void> verdict_on(const vocabulary::Inspection& seen, const vocabulary::Scanner& declared);

}  // namespace postern::gateway
