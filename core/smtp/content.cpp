// How the end of a content is found, at the speed of memchr.
//
// A good line costs three searches (CR; LF and NUL in front of it) and no byte is looked at singly; runs of lines
// are appended in one piece. Once there is a flaw, only CRs are looked for, until the true end.
#include "smtp/content.hpp"

#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cstring>

namespace postern::smtp {

namespace {

constexpr std::uint64_t longest_reserve = std::uint64_t{64} * 1024;

std::size_t find_byte(std::string_view text, char byte) noexcept
{
    const void* found = text.empty() ? nullptr : std::memchr(text.data(), byte, text.size());
    return found == nullptr ? text.npos : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

mail::Reply reply_for(const Flaw& flaw, const ContentLimits& limits)
{
    using mail::Reply;
    switch (flaw.kind) {
        case Flaw::Kind::bare_cr:
            return Reply::of(550, {5, 2}, fmt::format("Line {} of the message holds a CR without LF", flaw.line));
        case Flaw::Kind::bare_lf:
            return Reply::of(550, {5, 2}, fmt::format("Line {} of the message ends in LF without CR", flaw.line));
        case Flaw::Kind::nul:
            return Reply::of(550, {6, 0}, fmt::format("Line {} of the message holds a NUL byte", flaw.line));
        case Flaw::Kind::long_line:
            return Reply::of(554, {6, 0},
                             fmt::format("Line {} of the message is longer than {} bytes", flaw.line, limits.line));
        case Flaw::Kind::over_size:
            break;
    }
    return Reply::of(552, {3, 4},
                     fmt::format("This service takes messages of at most {}", vocabulary::print_size(limits.bytes)));
}

ContentReader::ContentReader(const ContentLimits& limits, std::uint64_t expected) : limits_(limits)
{
    content_.reserve(static_cast<std::size_t>(std::min({expected, limits.bytes, longest_reserve})));
}

std::size_t ContentReader::feed_data(std::string_view bytes)
{
    std::size_t used = 0;
    while (used < bytes.size() && !ended()) used += step(bytes.substr(used), true);
    return used;
}

void ContentReader::feed_chunk(std::string_view bytes)
{
    while (!bytes.empty()) bytes.remove_prefix(step(bytes, false));
}

void ContentReader::end_chunks()
{
    if (state_ == State::cr) refuse(Flaw::Kind::bare_cr);
    if (state_ == State::in_line && !flaw_) {
        append("\r\n");
        completed_ = true;
    }
    state_ = State::ended;
}

void ContentReader::refuse_size()
{
    refuse(Flaw::Kind::over_size);
}

std::string ContentReader::take()
{
    return std::move(content_);
}

/// Consumes at least one byte or changes the state; the states besides in_line exist only where packets are cut
/// and at lines that begin with a dot.
std::size_t ContentReader::step(std::string_view bytes, bool dots)
{
    switch (state_) {
        case State::line_start:
            state_ = dots && bytes.front() == '.' ? State::dot : State::in_line;
            return state_ == State::dot ? 1 : 0;
        case State::dot:  // dropped, whatever follows
            state_ = bytes.front() == '\r' ? State::dot_cr : State::in_line;
            return state_ == State::dot_cr ? 1 : 0;
        case State::dot_cr:
            if (bytes.front() == '\n') {
                state_ = State::ended;
                return 1;
            }
            refuse(Flaw::Kind::bare_cr);
            state_ = State::in_line;
            return 0;
        case State::cr:
            state_ = State::in_line;
            if (bytes.front() != '\n') {
                refuse(Flaw::Kind::bare_cr);
                return 0;
            }
            if (end_line()) append("\r\n");
            state_ = State::line_start;
            return 1;
        case State::in_line:
            return flaw_ ? skip_lines(bytes, dots) : take_lines(bytes, dots);
        case State::ended:
            break;
    }
    return bytes.size();
}

/// From inside a line on: takes whole lines, up to one that begins with a dot, a flaw, or the last bytes given.
std::size_t ContentReader::take_lines(std::string_view bytes, bool dots)
{
    std::size_t at = 0;
    for (;;) {
        const std::size_t length = std::min(find_byte(bytes.substr(at), '\r'), bytes.size() - at);
        const std::size_t cr = at + length;
        if (!check(bytes.substr(at, length))) return at;
        if (cr + 1 >= bytes.size()) {
            append(bytes.substr(0, cr));
            if (cr < bytes.size()) state_ = State::cr;
            return bytes.size();
        }
        if (bytes[cr + 1] != '\n') {
            refuse(Flaw::Kind::bare_cr);
            return cr + 1;
        }
        if (!end_line()) {
            state_ = State::line_start;
            return cr + 2;
        }
        at = cr + 2;
        if (at == bytes.size() || (dots && bytes[at] == '.')) {
            append(bytes.substr(0, at));
            state_ = State::line_start;
            return at;
        }
    }
}

/// The content is refused already; only its end matters.
std::size_t ContentReader::skip_lines(std::string_view bytes, bool dots)
{
    if (!dots) return bytes.size();
    const std::size_t cr = find_byte(bytes, '\r');
    if (cr == bytes.npos) return bytes.size();
    state_ = State::cr;
    return cr + 1;
}

bool ContentReader::check(std::string_view segment)
{
    using Kind = Flaw::Kind;
    std::optional<Kind> found;
    std::size_t good = segment.size();
    if (const std::size_t lf = find_byte(segment, '\n'); lf != segment.npos) {
        good = lf;
        found = Kind::bare_lf;
    }
    if (!limits_.allow_nul) {
        if (const std::size_t nul = find_byte(segment.substr(0, good), '\0'); nul != segment.npos) {
            good = nul;
            found = Kind::nul;
        }
    }
    if (good > limits_.line - line_length_) {
        good = limits_.line - line_length_;
        found = Kind::long_line;
    }
    if (good > limits_.bytes - accounted_) found = Kind::over_size;
    if (found) {
        refuse(*found);
        return false;
    }
    line_length_ += segment.size();
    accounted_ += segment.size();
    return true;
}

bool ContentReader::end_line()
{
    if (flaw_) return false;
    if (limits_.bytes - accounted_ < 2) {
        refuse(Flaw::Kind::over_size);
        return false;
    }
    accounted_ += 2;
    line_length_ = 0;
    ++line_;
    return true;
}

void ContentReader::refuse(Flaw::Kind kind)
{
    if (flaw_) return;
    flaw_ = Flaw{kind, line_};
    std::string().swap(content_);  // a refused content holds no memory while the rest of it goes by
}

void ContentReader::append(std::string_view run)
{
    if (!flaw_) content_.append(run);
}

}  // namespace postern::smtp
