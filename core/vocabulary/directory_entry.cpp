#include "vocabulary/directory_entry.hpp"

#include <array>

namespace postern::vocabulary {

namespace {

constexpr std::array<std::string_view, 3> kinds{"user", "function", "group"};
constexpr std::array<std::string_view, 4> statuses{"invited", "active", "suspended", "removed"};

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) noexcept
{
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == name) return static_cast<Enum>(i);
    return std::nullopt;
}

}  // namespace

std::string_view name_of(EntryKind kind) noexcept
{
    return kinds[static_cast<std::size_t>(kind)];
}

std::string_view name_of(EntryStatus status) noexcept
{
    return statuses[static_cast<std::size_t>(status)];
}

std::optional<EntryKind> entry_kind_named(std::string_view name) noexcept
{
    return named<EntryKind>(kinds, name);
}

std::optional<EntryStatus> entry_status_named(std::string_view name) noexcept
{
    return named<EntryStatus>(statuses, name);
}

}  // namespace postern::vocabulary
