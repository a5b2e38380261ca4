#include "policy/matcher.hpp"

#include "base/glob.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <re2/re2.h>
#include <charconv>

namespace postern::policy {

namespace {

constexpr std::size_t longest_pattern = 256;
constexpr std::size_t longest_expression = 1000;
constexpr std::int64_t expression_memory = 1 << 20;  ///< bytes, of each compiled expression

Result<Matcher> parse_expression(std::string_view text)
{
    const auto end = text.rfind('/');
    const auto flags = text.substr(end + 1);
    if (end == 0 || (!flags.empty() && flags != "i"))
        return fault(Retry::never,
                     fmt::format("\"{}\" is no regular expression; write /.../ or /.../i", printable(text, 80)));
    const auto pattern = text.substr(1, end - 1);
    if (pattern.empty() || pattern.size() > longest_expression)
        return fault(Retry::never, fmt::format("a regular expression has 1 to {} bytes", longest_expression));
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(flags.empty());
    options.set_max_mem(expression_memory);
    options.set_never_capture(true);
    auto compiled = std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!compiled->ok())
        return fault(Retry::never, fmt::format("\"{}\" is no regular expression: {}", printable(text, 80),
                                               printable(compiled->error())));
    return Expression{std::move(compiled)};
}

}  // namespace

Result<Matcher> parse_text_matcher(std::string_view text)
{
    if (text.empty())
        return fault(Retry::never, "an empty text matches nothing; write absent where the field is not there");
    if (text.front() == '/') return parse_expression(text);
    if (text.front() == '=') return Exactly{to_lower(text.substr(1))};
    if (text.front() == '<' || text.front() == '>')
        return fault(Retry::never,
                     fmt::format("\"{}\" compares a text with a size; write \"={}\" where it is meant literally",
                                 printable(text, 80), printable(text, 80)));
    if (text.size() > longest_pattern)
        return fault(Retry::never, fmt::format("a pattern has at most {} bytes", longest_pattern));
    if (text.find_first_of("*?") == text.npos) return Exactly{to_lower(text)};
    return Glob{to_lower(text)};
}

Result<Matcher> parse_size_matcher(std::string_view text)
{
    const auto operators = text.substr(0, text.find_first_not_of("<>="));
    const auto size = vocabulary::parse_size(text.substr(operators.size()));
    if (!size) return std::unexpected(size.error());
    if (operators.empty() || operators == "=") return SizeRange{*size, *size};
    if (operators == ">=") return SizeRange{*size, UINT64_MAX};
    if (operators == "<=") return SizeRange{0, *size};
    if (operators == ">" && *size < UINT64_MAX) return SizeRange{*size + 1, UINT64_MAX};
    if (operators == "<" && *size > 0) return SizeRange{0, *size - 1};
    return fault(Retry::never,
                 fmt::format("\"{}\" holds for no size; write a comparison such as \"> 4 MiB\"", printable(text, 60)));
}

Result<unsigned> parse_time_of_day(std::string_view text)
{
    unsigned hour = 0, minute = 0;
    const bool form = text.size() == 5 && text[2] == ':';
    const auto digits = [&](std::size_t at, unsigned& value) {
        const char* const end = text.data() + at + 2;
        const auto [stop, error] = std::from_chars(text.data() + at, end, value);
        return error == std::errc{} && stop == end;
    };
    if (!form || !digits(0, hour) || !digits(3, minute) || minute > 59 || hour * 60 + minute > 24 * 60)
        return fault(Retry::never,
                     fmt::format("\"{}\" is not a time of day; write one such as \"20:00\"", printable(text, 60)));
    return hour * 60 + minute;
}

bool matches(const Matcher& matcher, std::string_view text)
{
    if (const auto* glob = std::get_if<Glob>(&matcher)) return glob_matches(glob->pattern, text);
    if (const auto* exactly = std::get_if<Exactly>(&matcher)) return iequals(exactly->text, text);
    if (const auto* expression = std::get_if<Expression>(&matcher))
        return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression->compiled);
    return false;
}

}  // namespace postern::policy
