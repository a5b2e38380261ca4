#include "vocabulary/heard.hpp"

#include <ranges>

namespace postern::vocabulary {

std::string_view name_of(Heard heard) noexcept
{
    constexpr std::array<std::string_view, every_heard.size()> names{
        "relayed", "expanded", "delayed", "delivered", "failed", "dispatched", "processed", "deleted", "read"};
    return names[static_cast<std::size_t>(heard)];
}

std::optional<Heard> answer_in(unsigned set) noexcept
{
    for (const Heard heard : every_heard | std::views::reverse)
        if ((set & bit(heard)) != 0) return heard;
    return std::nullopt;
}

}  // namespace postern::vocabulary
