#include "policy/source.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

/// More from one file would hide what matters.
constexpr std::size_t most_diagnostics = 100;
constexpr std::size_t longest_line_shown = 400;

std::size_t characters(std::string_view text)
{
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// A tab takes one column here, whatever an editor makes of it.
std::string shown(std::string_view line)
{
    std::string text(line.substr(0, longest_line_shown + 1));
    std::ranges::replace(text, '\t', ' ');
    return printable(text, longest_line_shown);
}

}  // namespace

std::string_view Source::line_text(std::size_t line)
{
    if (line_starts_.empty()) {
        line_starts_.push_back(0);
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            if (bytes_[i] == '\n') line_starts_.push_back(i + 1);
    }
    if (line == 0 || line > line_starts_.size()) return {};
    const auto start = line_starts_[line - 1];
    auto text = bytes_.substr(start, bytes_.find('\n', start) - start);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

void Source::add(Severity severity, const Place& place, std::string what, std::string remedy)
{
    has_errors_ = has_errors_ || severity == Severity::error;
    if (said_ > most_diagnostics) return;
    if (++said_ > most_diagnostics) {
        into_.push_back({severity, file_, place.line, 1, 1, "more errors in this file are not shown", {}, {}});
        return;
    }
    const auto line = line_text(place.line);
    const std::size_t before = std::min<std::size_t>(place.column > 0 ? place.column - 1 : 0, line.size());
    const auto marked = line.substr(before, std::max<std::size_t>(place.length, 1));
    into_.push_back({severity, file_, place.line, place.line == 0 ? 0 : characters(line.substr(0, before)) + 1,
                     std::max<std::size_t>(characters(marked), 1), std::move(what), std::move(remedy), shown(line)});
}

bool Source::is_full() const noexcept
{
    return said_ > most_diagnostics;
}

void Source::error(const Place& place, std::string what, std::string remedy)
{
    add(Severity::error, place, std::move(what), std::move(remedy));
}

void Source::warning(const Place& place, std::string what, std::string remedy)
{
    add(Severity::warning, place, std::move(what), std::move(remedy));
}

void Source::error_from(const Place& place, const std::string& detail)
{
    const auto cut = detail.find("; write ");
    if (cut == std::string::npos) return error(place, detail);
    error(place, detail.substr(0, cut), detail.substr(cut + 2));
}

}  // namespace postern::policy
