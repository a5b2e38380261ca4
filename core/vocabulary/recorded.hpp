// What the ledger kept of a message's values, for decisions about mail whose content is gone.
//
// Plain values. Names are those of conditions ("message.subject", "header.X-Marking"), in lower case.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace postern::vocabulary {

struct Recorded {
    /// All values of a field, as they were; none: it was absent. A field that is not here is not known any more.
    using Fields = std::map<std::string, std::vector<std::string>, std::less<>>;

    Fields fields;
    std::optional<std::vector<Fields>> attachments;  ///< of each; nothing: nobody listed them
    bool unlisted = false;                           ///< there may have been more of them
};

}  // namespace postern::vocabulary
