#include "mail/uuencoded.hpp"

#include <algorithm>

namespace postern::mail {

namespace {

using std::string_view_literals::operator""sv;

constexpr auto beginning = "begin "sv;
constexpr auto nowhere = std::string_view::npos;

// The line that begins at `start`, without its end; `next`: where the one behind it begins.
std::string_view line_at(std::string_view text, std::size_t start, std::size_t& next)
{
    const auto newline = text.find('\n', start);
    next = newline == nowhere ? text.size() : newline + 1;
    auto line = text.substr(start, next - start);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// "644 setup.exe" or "0644 setup.exe": the name; nothing: it is no beginning.
std::string_view name_of(std::string_view rest)
{
    const auto digits = rest.find_first_not_of("01234567");
    if (digits == nowhere || digits < 3 || digits > 4 || rest[digits] != ' ') return {};
    return rest.substr(std::min(rest.find_first_not_of(' ', digits), rest.size()));
}

// Its first character says how many bytes it holds, four characters for three of them; some programs leave out blanks
// at the end, others add a check.
bool is_coded(std::string_view line)
{
    if (line.empty() || !std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '`'; })) return false;
    const auto bytes = static_cast<std::size_t>((line.front() - ' ') & 63);
    const std::size_t full = 1 + (bytes + 2) / 3 * 4;
    return line.size() <= full + 2 && (bytes == 0 || line.size() > 1);
}

// Where the line that says so begins, or the text ends; `behind`: where it goes on.
std::size_t end_of(std::string_view text, std::size_t start, std::size_t& behind)
{
    for (behind = start; start < text.size(); start = behind)
        if (line_at(text, start, behind) == "end") return start;
    return text.size();
}

}  // namespace

std::vector<UuencodedFile> uuencoded_files(std::string_view text, std::size_t most)
{
    std::vector<UuencodedFile> files;
    std::size_t at = text.starts_with(beginning) ? 0 : text.find("\nbegin ");
    while (at != nowhere && files.size() < most) {
        if (text[at] == '\n') ++at;
        std::size_t next = 0;
        const auto name = name_of(line_at(text, at, next).substr(beginning.size()));
        std::size_t behind = next;
        if (!name.empty() && next < text.size() && is_coded(line_at(text, next, behind))) {
            const auto end = end_of(text, next, behind);
            files.push_back({name, text.substr(next, end - next), at, behind - at});
            next = behind;
        }
        at = text.substr(next).starts_with(beginning) ? next : text.find("\nbegin ", next > 0 ? next - 1 : 0);
    }
    return files;
}

}  // namespace postern::mail
