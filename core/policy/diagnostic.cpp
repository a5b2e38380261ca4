#include "policy/diagnostic.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <tuple>

namespace postern::policy {

namespace {

constexpr std::size_t widest = 120;  ///< characters of a source line that are shown

/// The part of a line around the marked columns, cut at characters, and the column within it.
std::pair<std::string, std::size_t> window(const std::string& line, std::size_t column)
{
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < line.size(); ++i)
        if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80) starts.push_back(i);
    if (starts.size() <= widest) return {line, column};
    const std::size_t first = column > widest / 2 ? std::min(column - widest / 2, starts.size() - widest) : 0;
    const std::size_t last = std::min(first + widest, starts.size());
    const std::size_t end = last == starts.size() ? line.size() : starts[last];
    return {line.substr(starts[first], end - starts[first]), column - std::min(first, column - 1)};
}

}  // namespace

std::string render(const Diagnostic& d, const std::string& directory)
{
    std::string where = directory;
    if (!d.file.empty()) where += (where.empty() || where.ends_with('/') ? "" : "/") + d.file;
    if (d.line > 0) where += fmt::format(":{}:{}", d.line, d.column);
    std::string text = fmt::format("{}: {}{}\n", where, d.severity == Severity::warning ? "warning: " : "", d.what);
    if (d.line == 0 || d.source_line.empty()) {
        if (!d.remedy.empty()) text += fmt::format("        {}\n", d.remedy);
        return text;
    }
    const auto [line, column] = window(d.source_line, std::max<std::size_t>(d.column, 1));
    const std::size_t length = std::clamp<std::size_t>(d.length, 1, widest);
    text += fmt::format("{:5} | {}\n      | {}^{}", d.line, line, std::string(column - 1, ' '),
                        std::string(length - 1, '~'));
    text += d.remedy.empty() ? "\n" : " " + d.remedy + "\n";
    return text;
}

std::string render(const Diagnostics& diagnostics, const std::string& directory)
{
    std::vector<const Diagnostic*> sorted;
    for (const auto& diagnostic : diagnostics) sorted.push_back(&diagnostic);
    // What stands at one place keeps the order in which it was found.
    std::ranges::sort(sorted, {},
                      [](const Diagnostic* d) { return std::tuple(std::string_view(d->file), d->line, d->column, d); });
    std::string text;
    for (const auto* diagnostic : sorted) text += render(*diagnostic, directory);
    return text;
}

std::string render_json(const Diagnostics& diagnostics)
{
    boost::json::array list;
    for (const auto& d : diagnostics)
        list.push_back({{"severity", d.severity == Severity::error ? "error" : "warning"},
                        {"file", d.file},
                        {"line", d.line},
                        {"column", d.column},
                        {"length", d.length},
                        {"what", d.what},
                        {"remedy", d.remedy},
                        {"source_line", d.source_line}});
    return boost::json::serialize(list);
}

bool has_errors(const Diagnostics& diagnostics) noexcept
{
    return std::ranges::any_of(diagnostics, [](const Diagnostic& d) { return d.severity == Severity::error; });
}

}  // namespace postern::policy
