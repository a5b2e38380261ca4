// Who looks inside attachments: the scanner process, asked by the accept path before anything is decided about content.
//
// Implemented by scan/. Thread-safe; awaited on the caller's executor. An answer has a deadline: what takes longer, or
// a scanner that died on it, is Fault::later with the peer text of a 451, and never a pass.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "mail/mime.hpp"
#include "vocabulary/inspection.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::ports {

/// What of a message has to be looked at: the policy in force says (policy::Needs).
struct InspectionOrder {
    std::shared_ptr<const std::string> content;
    std::shared_ptr<const mail::Structure> structure;
    bool types = false;      ///< detected types
    bool members = false;    ///< names inside archives, encrypted, broken, macros
    bool obstacles = false;  ///< the same without the names; only beside viruses
    bool viruses = false;    ///< signatures
};

/// What the scanner is doing, as status and metrics show it.
struct InspectorStatus {
    struct Worker {
        std::int64_t process = 0;
        bool busy = false;
    };
    std::vector<Worker> workers;
    std::size_t waiting = 0;  ///< orders that no worker has yet
    bool loading = false;     ///< a signature set is being loaded
    std::string signatures;   ///< version of the set in force; empty: none
    std::uint64_t signature_count = 0;
    std::optional<Instant> made;        ///< when the set was made
    std::vector<std::string> warnings;  ///< what this machine does not permit
    std::string trouble;                ///< why nothing can be inspected, or viruses can't be found; empty: all is well
};

class Inspector {
public:
    virtual ~Inspector() = default;
    [[nodiscard]] virtual boost::asio::awaitable<Result<vocabulary::Inspection>> inspect(InspectionOrder order) = 0;
    [[nodiscard]] virtual InspectorStatus status() const { return {}; }
};

}  // namespace postern::ports
