// room: directory
//
// Two directories as LDIF, apart at the first zero byte: nothing crashes, and what is read on both sides differs in
// nothing.
#include "directory/feed.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t split = std::min(input.find('\0'), input.size());
    const auto server = input.substr(0, split);
    const auto feed = input.substr(std::min(split + 1, input.size()));
    const auto changes = directory::ldif_changes(server, feed);
    if (!changes && changes.error().detail().empty()) std::abort();
    const auto none = directory::ldif_changes(feed, feed);
    if (none && !none->empty()) std::abort();
    return 0;
}
