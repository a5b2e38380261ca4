// Who looks inside attachments: the scanner process, asked by the accept path before anything is decided about content.
//
// Implemented by scan/. Thread-safe; awaited on the caller's executor. An answer has a deadline: what takes longer, or
// a scanner that died on it, is Fault::later with the peer text of a 451, and never a pass.
#pragma once

#include "base/fault.hpp"
#include "mail/mime.hpp"
#include "vocabulary/inspection.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

namespace postern::ports {

/// What of a message has to be looked at: the policy in force says (policy::Needs).
struct InspectionOrder {
    std::shared_ptr<const std::string> content;
    std::shared_ptr<const mail::Structure> structure;
    bool types = false;    ///< detected types
    bool members = false;  ///< names inside archives, encrypted, broken, macros
    bool viruses = false;  ///< signatures
};

class Inspector {
public:
    virtual ~Inspector() = default;
    [[nodiscard]] virtual boost::asio::awaitable<Result<vocabulary::Inspection>> inspect(InspectionOrder order) = 0;
};

}  // namespace postern::ports
