// room: scan
// What a worker answers, which a hostile file may have made: bounded, clean text, and encodes to itself.
#include "base/text.hpp"
#include "scan/protocol.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern::scan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto answer = decode_answer(input);
    if (!answer) return 0;
    const auto& seen = answer->inspection;
    if (seen.parts.size() > most_parts || seen.viruses.size() > most_findings) std::abort();
    for (const auto& virus : seen.viruses)
        if (virus.part > seen.parts.size() || !postern::is_utf8(virus.signature)) std::abort();
    if (encode(*answer) != input) std::abort();
    return 0;
}
