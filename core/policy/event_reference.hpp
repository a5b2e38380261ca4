// The page of the reference that names all events: made from the table of events.
//
// Pure; any thread. For policy/reference.
#pragma once

#include <string>

namespace postern::policy {

[[nodiscard]] std::string events_page();

}  // namespace postern::policy
