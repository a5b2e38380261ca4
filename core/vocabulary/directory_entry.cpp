#include "vocabulary/directory_entry.hpp"

#include <array>

namespace postern::vocabulary {

namespace {

constexpr std::array<std::string_view, 4> kinds{"user", "function", "group", "list"};
constexpr std::array<std::string_view, 4> statuses{"invited", "active", "suspended", "removed"};
constexpr std::array<std::string_view, 4> senders_words{"members", "organisation", "community", "named"};

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

std::string_view name_of(ListSenders senders) noexcept
{
    return senders_words[static_cast<std::size_t>(senders)];
}

std::optional<ListSenders> list_senders_named(std::string_view name) noexcept
{
    return named<ListSenders>(senders_words, name);
}

}  // namespace postern::vocabulary
