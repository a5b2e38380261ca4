// The parts of a report, each made on its own: what people read and what mail systems read. Pure functions.
#pragma once

#include "report/report.hpp"

#include <string>
#include <string_view>

namespace postern::report {

/// An RFC 3463 status as it stands in a report.
struct FullStatus {
    int digit = 5;  ///< 2, 4 or 5
    Status status;
};
/// The status in the recipient's reply, else that of its `status` with the class that the kind means.
[[nodiscard]] FullStatus status_of(const ReportedRecipient& recipient, Kind kind) noexcept;

struct HumanText {
    std::string subject;  ///< UTF-8, one line
    std::string text;     ///< UTF-8, CRLF lines
};
/// The template filled in. `subject` is that of the original, decoded; `whole` says that the message is attached;
/// `text` are the words of a notice.
[[nodiscard]] Result<HumanText> human_text(const ReportRequest& request, const Template& form, std::string_view subject,
                                           bool whole, std::string_view text = {});

/// The content of message/delivery-status (RFC 3464 section 2), or of message/global-delivery-status (RFC 6533) when
/// `utf8`.
[[nodiscard]] std::string delivery_status(const ReportRequest& request, bool utf8);

}  // namespace postern::report
