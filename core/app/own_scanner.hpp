// A scanner process of this command's own: what explain is told about attachments is what traffic would be told.
//
// Blocking to make (until the process is ready, at most 10 seconds) and to destroy; it works on a thread of its own.
// Viruses are not looked for: loading signatures takes many times as long as everything else.
#pragma once

#include "base/fault.hpp"
#include "ports/inspector.hpp"
#include "vocabulary/node.hpp"

#include <memory>

namespace postern::app {

/// `settings`: as node.yaml has them. Fault: why there is none.
[[nodiscard]] Result<std::unique_ptr<ports::Inspector>> start_own_scanner(vocabulary::Scanner settings);

}  // namespace postern::app
