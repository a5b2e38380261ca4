// room: script
// Lua's patterns: reading any pattern and matching any subject ends within its steps, and what matched lies in the
// subject.
#include "script/pattern.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern::script;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

}  // namespace

/// The first byte says how many of the following are the pattern.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto text = input.substr(0, data[0]);
    const auto subject = input.substr(text.size());
    const auto pattern = Pattern::compile(text);
    if (!pattern) {
        must(!pattern.error().empty());
        return 0;
    }
    must(pattern->captures() <= Match::most_captures);
    for (std::uint64_t allowed : {std::uint64_t{10}, std::uint64_t{100'000}}) {
        Match match;
        std::uint64_t steps = allowed;
        const auto outcome = pattern->search(subject, 0, steps, match);
        must(steps <= allowed);
        if (outcome != Pattern::Outcome::found) continue;
        must(match.begin <= match.end && match.end <= subject.size());
        for (std::size_t i = 0; i < pattern->captures(); ++i)
            must(match.captures[i].begin + match.captures[i].size <= subject.size());
    }
    return 0;
}
