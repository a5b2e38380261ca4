// A virus was found: who sent what, and what became of it, told once for each message by an alarm.
//
// Any thread.
#pragma once

#include "gateway/judgement.hpp"
#include "gateway/services.hpp"
#include "gateway/transaction.hpp"
#include "mail/header.hpp"

#include <string_view>

namespace postern::gateway {

/// Nothing where none was found, or where it goes on to everybody by a release.
void tell_of_viruses(const Services& services, const Transaction& transaction, const mail::Header& header,
                     std::string_view content, const vocabulary::Inspection& seen,
                     const std::vector<PlannedRecipient>& recipients);

}  // namespace postern::gateway
