// Reports that come back from a member's system: which of them count in the ledger, and for whom.
//
// Runs in the session's coroutine, on its thread. One that proves nothing is mail like any other; only a ledger that
// can't be read is a fault, for then nobody knows.
#pragma once

#include "base/log.hpp"
#include "gateway/sources.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"
#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

namespace postern::gateway {

/// What a message that is a report (RFC 3464, RFC 8098) says of mail that was handed to the member whose connection it
/// is. It counts only
/// - from that member: a delivery report with the null sender, a read report in the name of the recipient (From);
/// - for a recipient of its own to whom the message was handed over;
/// - with the ids that were given: our trace token where the head of the original is returned with it, else Message-ID
///   or ENVID of mail that the organisation sent to which the report goes. What it names of these must agree.
/// Why one does not count is logged. `header` is that of `content`. Fault (later): the ledger can't be read.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<store::HeardOf>>> heard_in(Sources sources, Log& log,
                                                                                   const Transaction& transaction,
                                                                                   const mail::Header& header,
                                                                                   const std::string& content);

}  // namespace postern::gateway
