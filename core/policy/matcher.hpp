// One value that a condition compares a field with, compiled.
//
// Immutable; shared by all threads. Matching takes time linear in the text for regular expressions, and at most
// pattern times text for globs, whose length is bounded.
#pragma once

#include "base/fault.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace re2 {
class RE2;
}

namespace postern::policy {

/// The field is not there.
struct Absent {};

/// Case-blind (ASCII) glob over the whole text: `*` any characters, `?` one character.
struct Glob {
    std::string pattern;  ///< lower case, at most 256 bytes
};

/// Case-blind (ASCII) equality with the whole text.
struct Exactly {
    std::string text;
};

/// Found anywhere in the text.
struct Expression {
    std::shared_ptr<const re2::RE2> compiled;
};

struct SizeRange {
    std::uint64_t least = 0;
    std::uint64_t most = UINT64_MAX;
};

/// Minutes since midnight UTC: from..to without to; over midnight where from > to.
struct TimeRange {
    unsigned from = 0;
    unsigned to = 0;
};

using Matcher = std::variant<Absent, Glob, Exactly, Expression, SizeRange, TimeRange, vocabulary::Network, bool>;

/// "*.exe", "/^urgent/i", "=literally": see the reference. Faults (never) are of the form "what; write example".
[[nodiscard]] Result<Matcher> parse_text_matcher(std::string_view text);
/// "> 4 MiB", ">= 4 MiB", "< 1 KiB", "<= 1 KiB", "= 0 B", "4 MiB".
[[nodiscard]] Result<Matcher> parse_size_matcher(std::string_view text);
/// "20:00" as minutes since midnight; "24:00" is allowed.
[[nodiscard]] Result<unsigned> parse_time_of_day(std::string_view text);

/// For Glob, Exactly and Expression; others match no text.
[[nodiscard]] bool matches(const Matcher& matcher, std::string_view text);

}  // namespace postern::policy
