// room: mail
//
// Any text: what is found lies within it, in order and apart, and no more than was asked for.
#include "mail/uuencoded.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t most = 20;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto inside = [&](std::string_view part) {
        return part.empty() || (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
    };
    const auto files = mail::uuencoded_files(text, most);
    must(files.size() <= most);
    std::size_t end = 0;
    for (const auto& file : files) {
        must(file.offset >= end && file.length > 0 && file.length <= text.size() - file.offset);
        must(inside(file.name) && inside(file.lines) && file.lines.size() <= file.length);
        must(text.substr(file.offset).starts_with("begin"));
        end = file.offset + file.length;
    }
    return 0;
}
