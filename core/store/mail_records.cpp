#include "store/mail_records.hpp"

#include <array>

namespace postern::store {

namespace {

constexpr std::array<std::string_view, 11> state_names{"queued",      "held",       "relayed", "delivered",
                                                       "failed",      "expired",    "refused", "removed",
                                                       "quarantined", "redirected", "expanded"};

}  // namespace

std::string_view name_of(State state) noexcept
{
    return state_names[static_cast<std::size_t>(state)];
}

std::optional<State> state_named(std::string_view name) noexcept
{
    for (std::size_t i = 0; i < state_names.size(); ++i)
        if (state_names[i] == name) return static_cast<State>(i);
    return std::nullopt;
}

}  // namespace postern::store
