// Lua's patterns (Lua 5.4 manual, section 6.4.1) with a count of steps.
//
// Lua's own matcher can run for hours inside one call, where no hook reaches it; this one gives up after as many steps
// as it was allowed. Patterns are read as a whole before they are matched, so a malformed one is an error at once. Own
// implementation; immutable once compiled; any thread; safe on any bytes.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace postern::script {

/// One capture of a match, within the subject.
struct Capture {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool position = false;  ///< `()`: the place itself
};

struct Match {
    static constexpr std::size_t most_captures = 32;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::array<Capture, most_captures> captures;
};

class Pattern {
public:
    enum class Outcome : std::uint8_t { found, absent, out_of_steps };

    /// `anchored`: whether `^` in front is an anchor (find, match, gsub) or a character (gmatch). The error is what
    /// Lua says of it: "malformed pattern (missing ']')".
    [[nodiscard]] static std::expected<Pattern, std::string> compile(std::string_view text, bool anchored = true);

    /// Exactly at `at`, which is at most the subject's size. Every step is taken off `steps`.
    [[nodiscard]] Outcome match_at(std::string_view subject, std::size_t at, std::uint64_t& steps, Match& match) const;
    /// At the first place from `from` on; only there where the pattern is anchored.
    [[nodiscard]] Outcome search(std::string_view subject, std::size_t from, std::uint64_t& steps, Match& match) const;

    [[nodiscard]] bool anchored() const noexcept { return anchored_; }
    [[nodiscard]] std::size_t captures() const noexcept { return captures_; }

private:
    friend class PatternReader;
    friend class PatternRun;
    enum class Kind : std::uint8_t { single, open, close, position, balanced, frontier, back, end };
    enum class Repeat : std::uint8_t { once, optional, greedy, greedy_once, lazy };
    using Set = std::bitset<256>;
    struct Item {
        Kind kind = Kind::single;
        Repeat repeat = Repeat::once;
        std::uint8_t capture = 0;
        unsigned char first = 0;  ///< balanced: what opens
        unsigned char last = 0;   ///< balanced: what closes
        std::size_t set = 0;      ///< single, frontier
    };
    std::vector<Item> items_;
    std::vector<Set> sets_;
    std::size_t captures_ = 0;
    bool anchored_ = false;
};

}  // namespace postern::script
