// A message made of what a policy's test declares, with what the scanner would see in it.
//
// Pure; any thread. Real bytes, so that headers, structure and edits go through the code that real mail goes through.
#pragma once

#include "base/fault.hpp"
#include "policy/test_file.hpp"
#include "vocabulary/inspection.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace postern::gateway {

struct MadeMessage {
    std::shared_ptr<const std::string> content;  ///< CRLF lines
    vocabulary::Inspection inspection;           ///< as declared; of a whole message nothing is known of its parts
};

/// `file_bytes`: of the message that given.message.file names; else empty. Times are those of `at`.
[[nodiscard]] MadeMessage make_message(const policy::TestGiven& given, Instant at, std::string_view file_bytes);

/// Bytes of a mail file as SMTP carries them: every line ends in CRLF, the last one too.
[[nodiscard]] std::string as_carried(std::string_view bytes);

}  // namespace postern::gateway
