// What was found inside a message's parts by the scanner process: a plain value.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace postern::vocabulary {

/// What was seen in one leaf part; stands at the same index as its part in mail::Structure::parts.
struct PartInspection {
    std::string detected_type;         ///< libmagic's media type, lower case; empty: not looked at
    std::vector<std::string> members;  ///< names of files in an archive and in archives within it, bounded
    bool encrypted = false;            ///< an archive or document that can't be looked into without a password
    bool broken = false;               ///< an archive that ends or breaks within
    bool macros = false;               ///< a document that carries macros
};

/// A virus that was found.
struct VirusFinding {
    std::string signature;  ///< "Win.Test.EICAR_HDB-1"
    std::size_t part = 0;   ///< index into parts; parts.size(): the message as a whole
};

/// The scanner's view of one message. A message that could not be inspected has none: then clauses that need it
/// are unknown, and the message is deferred.
struct Inspection {
    std::vector<PartInspection> parts;
    std::vector<VirusFinding> viruses;
    std::vector<std::string> unscannable;  ///< what stopped a look inside: "depth", "files", "size", "encrypted", ...
    std::string signatures;                ///< version of the signature set; empty: none was asked
};

}  // namespace postern::vocabulary
