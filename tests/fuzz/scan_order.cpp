// room: scan
// What posternd tells a worker, a tree or the keeper: what decodes lies within its bounds and encodes to itself.
#include "scan/protocol.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern::scan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (const auto order = decode_order(input)) {
        for (const auto& piece : order->pieces)
            if (piece.offset > order->size || piece.length > order->size - piece.offset) std::abort();
        if (encode(*order) != input) std::abort();
    }
    if (const auto notice = decode_notice(input); notice && encode(*notice) != input) std::abort();
    static_cast<void>(decode_settings(input));
    return 0;
}
