// The content of a message on its way in: where it ends, and whether its lines are lines.
//
// One reader for each message, owned by the server machine; no I/O, never throws but for lack of memory. The
// result does not depend on how the bytes were split. Only CRLF ends a line and only CRLF "." CRLF ends DATA: a bare
// CR or LF is a flaw and never an end, and reading goes on to the true end, so that no byte of a content is
// ever taken for a command (SMTP smuggling).
#pragma once

#include "mail/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

struct ContentLimits {
    std::uint64_t bytes = 10ULL * 1024 * 1024;  ///< of the whole content, CRLFs counted, stuffed dots not (RFC 1870)
    std::size_t line = std::size_t{64} * 1024;  ///< of one line without its CRLF
    bool allow_nul = false;                     ///< NUL is refused unless this is set (RFC 5322 section 4)
};

/// Why a content is refused; the first flaw counts.
struct Flaw {
    enum class Kind { bare_cr, bare_lf, nul, long_line, over_size };
    Kind kind{};
    std::uint64_t line = 0;  ///< counted from 1

    friend bool operator==(const Flaw&, const Flaw&) = default;
};

/// 550 5.5.2 (bare CR or LF), 550 5.6.0 (NUL), 554 5.6.0 (line too long), 552 5.3.4 (size). A bare CR or LF
/// breaks the protocol's line syntax, hence RFC 3463's X.5.2; X.6.11, which some servers say, is not registered.
[[nodiscard]] mail::Reply reply_for(const Flaw& flaw, const ContentLimits& limits);

class ContentReader {
public:
    /// `expected` bytes are reserved, but never more than 64 KiB on a client's word.
    explicit ContentReader(const ContentLimits& limits, std::uint64_t expected = 0);

    /// Takes bytes of a DATA content, unstuffing dots. Returns how many belong to it: fewer than given when the
    /// end was among them (ended() is then true).
    [[nodiscard]] std::size_t feed_data(std::string_view bytes);
    /// Takes bytes of a BDAT chunk; all of them belong to the content.
    void feed_chunk(std::string_view bytes);
    /// The last chunk is complete: a content that does not end in CRLF gets one, since content is lines.
    void end_chunks();
    /// Refuses the content as too large before its bytes come (a BDAT size says it).
    void refuse_size();

    [[nodiscard]] bool ended() const noexcept { return state_ == State::ended; }
    [[nodiscard]] const std::optional<Flaw>& flaw() const noexcept { return flaw_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return content_.size(); }
    /// Whether end_chunks() had to add the last CRLF.
    [[nodiscard]] bool completed_last_line() const noexcept { return completed_; }
    /// The content, complete lines with CRLF; empty when there is a flaw.
    [[nodiscard]] std::string take();

private:
    enum class State { line_start, dot, dot_cr, in_line, cr, ended };

    std::size_t step(std::string_view bytes, bool dots);
    std::size_t take_lines(std::string_view bytes, bool dots);
    std::size_t skip_lines(std::string_view bytes, bool dots);
    /// Checks bytes of one line that hold no CR; false once there is a flaw.
    bool check(std::string_view segment);
    bool end_line();
    void refuse(Flaw::Kind kind);
    void append(std::string_view run);

    ContentLimits limits_;
    std::string content_;
    std::optional<Flaw> flaw_;
    std::uint64_t accounted_ = 0;  ///< bytes checked, whether appended yet or not
    std::uint64_t line_ = 1;
    std::size_t line_length_ = 0;
    State state_ = State::line_start;
    bool completed_ = false;
};

}  // namespace postern::smtp
