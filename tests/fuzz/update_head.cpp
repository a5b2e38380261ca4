// room: control
//
// The first bytes of what somebody calls an update: a manifest and a signature within them, or a reason why not.
#include "control/update_head.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view front(reinterpret_cast<const char*>(data), size);
    const auto head = control::read_update_head(front);
    if (!head && head.error().detail().empty()) std::abort();
    if (head && head->manifest.size() + head->signature.size() > size) std::abort();
    return 0;
}
