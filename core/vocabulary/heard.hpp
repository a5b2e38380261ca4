// What a member's own system reports of mail that was handed to it: delivery status notifications (RFC 3464) and
// message disposition notifications (RFC 8098).
//
// Values; any thread. It is what they say, never what we know: a recipient's state stays as it was.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace postern::vocabulary {

/// The numbers stand in the database, as bits of a set. A later one says more than an earlier one: of several that
/// were heard about one recipient the last in this order is its answer.
enum class Heard {
    relayed,     ///< passed on to a server that reports nothing
    expanded,    ///< given to several addresses behind this one
    delayed,     ///< not delivered yet; they go on trying
    delivered,   ///< put into a mailbox
    failed,      ///< given up: not delivered
    dispatched,  ///< sent on somewhere else, by a rule or a person
    processed,   ///< taken up by a program, not shown to anybody
    deleted,     ///< deleted; perhaps unread
    read         ///< displayed to somebody
};
inline constexpr std::array every_heard{Heard::relayed,   Heard::expanded, Heard::delayed,
                                        Heard::delivered, Heard::failed,   Heard::dispatched,
                                        Heard::processed, Heard::deleted,  Heard::read};

/// "relayed", "expanded", ..., "read".
[[nodiscard]] std::string_view name_of(Heard heard) noexcept;

/// The bit of a set.
[[nodiscard]] constexpr unsigned bit(Heard heard) noexcept
{
    return 1U << static_cast<unsigned>(heard);
}

/// The one that says most; nothing: nothing was heard.
[[nodiscard]] std::optional<Heard> answer_in(unsigned set) noexcept;

}  // namespace postern::vocabulary
