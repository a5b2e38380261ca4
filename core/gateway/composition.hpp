// From what was judged to what is stored: the message's record, and a delivery with its edits for each group of
// recipients that get the same bytes.
//
// Pure; on the caller's thread. Real mail is composed for the spool, a rehearsal for its reader.
#pragma once

#include "gateway/admission.hpp"
#include "gateway/judgement.hpp"
#include "gateway/transaction.hpp"
#include "store/mail_records.hpp"
#include "transform/trace_token.hpp"

namespace postern::gateway {

/// `header` is that of `content`. `list_fields`: of a copy that a list makes. `now` is when it was received and first
/// due. `id`: of a message that has one already.
[[nodiscard]] store::NewMessage compose(const Transaction& transaction, const ConnectionFacts& connection,
                                        const mail::Header& header, store::Content content, Judged judged, Instant now,
                                        const transform::TraceKey& key, std::string id = {},
                                        std::vector<std::pair<std::string, std::string>> list_fields = {});

}  // namespace postern::gateway
