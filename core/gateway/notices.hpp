// From what content rules have people told (notify) to messages ready for the store.
//
// Runs in the caller's coroutine, on its thread. A notice has the null sender and says Auto-Submitted, no content rule
// sees it, and one rule tells one address at most 20 times an hour: so nothing can go round, and nothing floods.
#pragma once

#include "gateway/services.hpp"
#include "gateway/verdicts.hpp"
#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <vector>

namespace postern::gateway {

/// One for each address and text. Whom nobody can name (the null sender, an operator that is no member's) is not told;
/// what is over the bound is counted and logged.
[[nodiscard]] boost::asio::awaitable<std::vector<store::NewMessage>> make_notices(Services services,
                                                                                  GenerationPtr generation,
                                                                                  const store::MessageRecord& message,
                                                                                  store::Content content,
                                                                                  std::vector<Notice> notices);

}  // namespace postern::gateway
