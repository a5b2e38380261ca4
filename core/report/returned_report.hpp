// A report that comes back from a member's system, as values: what it says about which recipient of which message.
//
// Reads hostile bytes with bounds; pure, on any thread. The parts are found by mail/mime; inside the machine's part
// stand header fields (RFC 3464 section 2, RFC 8098 section 3). It believes nothing: whether that member got the
// message is gateway/returned_reports' to find out.
#pragma once

#include "base/fault.hpp"
#include "mail/header.hpp"
#include "vocabulary/heard.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::report {

/// What it says about one recipient.
struct ReportedFate {
    vocabulary::Heard heard = vocabulary::Heard::delivered;
    std::string final_recipient;     ///< address; empty: of a type that is no mail address
    std::string original_recipient;  ///< the same; empty also where there is none
    std::string words;               ///< "5.1.1 smtp; 550 no such user", "displayed, manual-action/MDN-sent-manually"
};

struct ReturnedReport {
    enum class Kind {
        delivery,    ///< multipart/report; report-type=delivery-status
        disposition  ///< multipart/report; report-type=disposition-notification
    };
    Kind kind = Kind::delivery;
    std::string message_id;           ///< Message-ID of the original with its brackets; empty: it does not say
    std::string envelope_id;          ///< Original-Envelope-Id; empty: none
    std::string returned_head;        ///< header section of the original as it is returned; empty: none
    std::vector<ReportedFate> fates;  ///< at least one; of a disposition exactly one
};

/// Recipients that one report may tell of, and bytes that its part for machines may have.
inline constexpr std::size_t most_reported = 1000;
inline constexpr std::size_t longest_report = std::size_t{256} * 1024;

/// Nothing: it is no report of these two kinds. Fault (never): it would be one, but is malformed, contradicts itself or
/// is over a bound; it then says nothing at all.
[[nodiscard]] Result<std::optional<ReturnedReport>> read_returned_report(std::string_view content,
                                                                         const mail::Header& header);

}  // namespace postern::report
