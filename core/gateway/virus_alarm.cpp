#include "gateway/virus_alarm.hpp"

#include "base/digest.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

void tell_of_viruses(const Services& services, const Transaction& transaction, const mail::Header& header,
                     std::string_view content, const vocabulary::Inspection& seen,
                     const std::vector<PlannedRecipient>& recipients)
{
    if (seen.viruses.empty()) return;
    const auto is = [](Verdict verdict) {
        return [verdict](const PlannedRecipient& recipient) { return recipient.verdict == verdict; };
    };
    const bool kept = std::ranges::any_of(recipients, is(Verdict::quarantine));
    if (!kept && std::ranges::none_of(recipients, is(Verdict::refuse))) return;
    const auto* subject = header.find("Subject");
    const auto signature = printable(seen.viruses.front().signature, 200);
    const auto digest = sha256_hex(content);
    const auto sender = transaction.inside_sender ? transaction.inside_sender->text() : std::string("<>");
    services.alarms.tell(
        vocabulary::EventId::virus_found, sender,
        fmt::format("{} was found in a message of {} ({}); it was {}. SHA-256 {}, generation {}, {}", signature, sender,
                    transaction.organisation->id, kept ? "put into quarantine" : "refused", digest,
                    transaction.policy().generation(), seen.signatures),
        {{"sender.address", sender},
         {"sender.organisation", transaction.organisation->id},
         {"message.subject", subject ? mail::decode_text(subject->value, 200) : std::string{}},
         {"signature", signature},
         {"digest", digest}});
}

}  // namespace postern::gateway
