// room: mail
// MIME structure: parts lie within the content, within their bounds, and decode to the size that is told.
#include "mail/mime.hpp"
#include "base/text.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::mail;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view content(reinterpret_cast<const char*>(data), size);
    const StructureLimits limits{.depth = 5, .parts = 20, .name = 50};
    const auto structure = read_structure(content, true, limits);
    must(!structure.parts.empty() || structure.too_many);
    must(structure.parts.size() <= limits.parts);
    for (const auto& part : structure.parts) {
        must(part.offset <= size && part.length <= size - part.offset);
        must(part.depth <= limits.depth && part.name.size() <= limits.name);
        must(is_utf8(part.name) && part.name.find_first_of("/\\") == std::string::npos);
        must(part.sha256.size() == 64);
        must(decoded(content, part, 2 * size + 100).size() == part.size);
        must(is_utf8(text_of(content, part, 64)));
    }
    const auto again = read_structure(content, false, limits);
    must(again.parts.size() == structure.parts.size() && again.malformed == structure.malformed);
    return 0;
}
