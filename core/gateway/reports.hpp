// From what became of recipients to the reports their sender gets, as messages ready for the store.
//
// Runs on the delivering worker's thread; pure but for the clock. Never a report about a report: a message with a
// null sender gets none.
#pragma once

#include "gateway/services.hpp"
#include "report/report.hpp"
#include "store/mail_records.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::gateway {

/// One recipient's fate, with the report it may cause.
struct Fate {
    const store::RecipientRecord* recipient = nullptr;
    report::Kind kind = report::Kind::failure;
    std::string reply;            ///< what was said about it
    bool from_peer = false;       ///< by the next hop
    std::string remote_mta;       ///< host name of the next hop; empty: none was reached
    std::string reason;           ///< in plain words instead of those of the status; may be empty
    std::string tls{};            ///< under which it was handed over; empty: it was not, or in clear text
    std::optional<Instant> at{};  ///< of the attempt; absent: now
    bool silent = false;          ///< its server was to report delivery, and said nothing
};

/// That it is held or in quarantine, until when, and why: told like a delay.
[[nodiscard]] Fate kept_fate(const store::RecipientRecord& recipient, const store::DeliveryRecord& delivery);

/// One report for each kind that is wanted by NOTIFY (RFC 3461 section 4.1). `content` may be null: then nothing is
/// returned with it. A sender whose organisation is gone gets none; that is logged.
[[nodiscard]] std::vector<store::NewMessage> make_reports(Services services, const Generation& generation,
                                                          const store::MessageRecord& message,
                                                          const store::Content& content,
                                                          const std::vector<Fate>& fates);

/// Deliveries of a message that Postern makes itself, planned like any for that member: stripped suffix, tagged
/// subject, trace token. No content rule sees it. Empty if it has no header that can be read.
[[nodiscard]] std::vector<store::DeliveryRecord> plan_own(Services services, const Generation& generation,
                                                          const store::MessageRecord& record,
                                                          const std::string& content, const mail::Address& to,
                                                          const vocabulary::Organisation& organisation);

/// Among the rules of an alert's message: it is itself about an alert that could not be sent.
inline constexpr std::string_view reason_unsent = "alert_unsent";

}  // namespace postern::gateway
