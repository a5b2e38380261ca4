// Notices that content rules order (notify): small messages of text, with the words that the rule declares.
//
// Pure functions, on any thread. Everything that came from outside is made safe before it stands in a notice.
#pragma once

#include "report/report.hpp"

#include <string>

namespace postern::report {

/// About whom and what; addresses in their form inside the community.
struct NoticeRequest {
    std::string notice_id;  ///< make_message_id of the notice: its Message-ID
    Instant at{};
    std::string node;              ///< our host name
    std::string service;           ///< how people call it
    std::string operator_address;  ///< From
    std::string to;
    std::string text;        ///< the rule's words, UTF-8
    std::string sender;      ///< of the message; empty: null
    std::string recipient;   ///< whose copy it is about
    std::string message_id;  ///< our id of the message
    Instant received{};
    std::string_view content;  ///< of the message; its subject is named, nothing else is taken from it
};

/// The notice: Auto-Submitted: auto-generated (RFC 3834), to be sent with the null sender.
[[nodiscard]] Result<NewReport> build_notice(const NoticeRequest& request,
                                             const Templates& templates = Templates::built_in());

}  // namespace postern::report
