// Lines of replies put together, within the limits; linear in the input however it is split.
#include "smtp/reply_reader.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

namespace postern::smtp {

namespace {

constexpr std::size_t longest_text = 2000;

auto malformed(std::string_view what, std::string_view line)
{
    return fault(Retry::later, fmt::format("{}: '{}'", what, printable(line)))
        .tell_peer(51, {5, 0}, "The next server's reply could not be understood");
}

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

/// A number of one to three digits at `at`, which moves behind it.
std::optional<std::uint16_t> read_number(std::string_view text, std::size_t& at) noexcept
{
    unsigned number = 0;
    const std::size_t start = at;
    while (at < text.size() && is_digit(text[at]) && at - start < 3)
        number = number * 10 + static_cast<unsigned>(text[at++] - '0');
    if (at == start) return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

/// The RFC 3463 status that `text` begins with, taken off it; nothing if there is none of the code's class.
std::optional<Status> take_status(std::string_view& text, int code)
{
    if (text.size() < 5 || text[0] - '0' != code / 100 || text[1] != '.') return std::nullopt;
    std::size_t at = 2;
    const auto subject = read_number(text, at);
    if (!subject || at >= text.size() || text[at++] != '.') return std::nullopt;
    const auto detail = read_number(text, at);
    if (!detail || (at < text.size() && text[at] != ' ')) return std::nullopt;
    text = trim(text.substr(at));
    return Status{*subject, *detail};
}

}  // namespace

void ReplyReader::receive(std::string_view bytes)
{
    input_.erase(0, consumed_);  // what is left is a part of a line, or replies that were not asked for yet
    consumed_ = 0;
    input_ += bytes;
}

Result<std::optional<mail::Reply>> ReplyReader::next()
{
    for (;;) {
        const std::size_t lf = input_.find('\n', consumed_ + scanned_);
        const std::size_t length = std::min(lf, input_.size()) - consumed_;
        if (length >= limits_.line)
            return malformed("a reply line is too long", std::string_view(input_).substr(consumed_, 80));
        if (lf == input_.npos) {
            scanned_ = length;
            return std::optional<mail::Reply>();
        }
        std::string_view line = std::string_view(input_).substr(consumed_, length);
        if (line.ends_with('\r')) line.remove_suffix(1);
        consumed_ += length + 1;
        scanned_ = 0;
        auto complete = take_line(line);
        if (!complete) return std::unexpected(std::move(complete.error()));
        if (*complete) {
            bytes_ = 0;
            return std::exchange(partial_, std::nullopt);
        }
    }
}

Result<bool> ReplyReader::take_line(std::string_view line)
{
    bytes_ += line.size() + 2;
    if (bytes_ > limits_.total) return malformed("a reply is too long", line);
    if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
        return malformed("no reply code", line);
    if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return malformed("no reply code", line);

    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (partial_ && partial_->code != code) return malformed("a reply changes its code", line);
    const bool first = !partial_;
    if (first) partial_ = mail::Reply{code, std::nullopt, {}};
    if (partial_->lines.size() >= limits_.lines) return malformed("a reply has too many lines", line);

    const bool last = line.size() == 3 || line[3] == ' ';
    std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();
    std::string_view without = text;
    const auto status = take_status(without, code);
    if (first) partial_->status = status;
    if (status && status == partial_->status) text = without;
    partial_->lines.push_back(printable(text, longest_text));
    return last;
}

void ReplyReader::clear()
{
    input_.clear();
    consumed_ = 0;
    scanned_ = 0;
    bytes_ = 0;
    partial_.reset();
}

}  // namespace postern::smtp
