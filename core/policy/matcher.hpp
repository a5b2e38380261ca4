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

/// A text as it stands and in lower case (ASCII), which is made once for all matchers that look at it.
struct FieldText {
    std::string_view text;
    std::string_view lower;
};

/// Case-blind (ASCII) glob over the whole text: `*` any characters, `?` one character. The forms that most people
/// write cost no more than a comparison.
struct Glob {
    enum class Form : std::uint8_t { any, begins, ends, contains, other };
    std::string pattern;  ///< lower case, at most 256 bytes
    Form form = Form::other;
    std::string literal;  ///< lower case: what it begins with, ends in or contains
};

/// Case-blind (ASCII) equality with the whole text.
struct Exactly {
    std::string text;  ///< lower case
};

/// Found anywhere in the text.
struct Expression {
    std::shared_ptr<const re2::RE2> compiled;
};

/// Of bytes, or of a count.
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
/// "> 10", ">= 10", "< 10", "<= 10", "= 10", "10".
[[nodiscard]] Result<Matcher> parse_number_matcher(std::string_view text);
/// Digits only.
[[nodiscard]] Result<std::uint64_t> parse_number(std::string_view text);
/// "20:00" as minutes since midnight; "24:00" is allowed.
[[nodiscard]] Result<unsigned> parse_time_of_day(std::string_view text);

/// For Glob, Exactly and Expression; others match no text.
[[nodiscard]] bool matches(const Matcher& matcher, const FieldText& value);

}  // namespace postern::policy
