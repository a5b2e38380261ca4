#include "policy/matcher.hpp"

#include "base/glob.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <re2/re2.h>
#include <charconv>
#include <cstring>
#include <optional>

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

/// Tells the common forms of a pattern, "*.exe" and the like, from the others.
Glob glob_of(std::string pattern)
{
    Glob glob{std::move(pattern), Glob::Form::other, {}};
    const std::string_view text = glob.pattern;
    const auto first = text.find_first_not_of('*');
    if (first == text.npos) {
        glob.form = Glob::Form::any;
        return glob;
    }
    const auto last = text.find_last_not_of('*');
    const auto inner = text.substr(first, last - first + 1);
    if (inner.find_first_of("*?") != inner.npos) return glob;
    const bool open_front = first > 0, open_end = last + 1 < text.size();
    if (!open_front && !open_end) return glob;
    glob.form = open_front && open_end ? Glob::Form::contains : open_front ? Glob::Form::ends : Glob::Form::begins;
    glob.literal = inner;
    return glob;
}

bool matches_glob(const Glob& glob, std::string_view lower)
{
    switch (glob.form) {
        case Glob::Form::any:
            return true;
        case Glob::Form::begins:
            return lower.starts_with(glob.literal);
        case Glob::Form::ends:
            return lower.ends_with(glob.literal);
        case Glob::Form::contains:
            return ::memmem(lower.data(), lower.size(), glob.literal.data(), glob.literal.size()) != nullptr;
        case Glob::Form::other:
            break;
    }
    return glob_matches(glob.pattern, lower);
}

/// What a comparison means for the smallest unit; `nothing`: it holds for none.
std::optional<SizeRange> range_of(std::string_view operators, std::uint64_t value)
{
    if (operators.empty() || operators == "=") return SizeRange{value, value};
    if (operators == ">=") return SizeRange{value, UINT64_MAX};
    if (operators == "<=") return SizeRange{0, value};
    if (operators == ">" && value < UINT64_MAX) return SizeRange{value + 1, UINT64_MAX};
    if (operators == "<" && value > 0) return SizeRange{0, value - 1};
    return {};
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
    return glob_of(to_lower(text));
}

Result<Matcher> parse_size_matcher(std::string_view text)
{
    const auto operators = text.substr(0, text.find_first_not_of("<>="));
    const auto size = vocabulary::parse_size(text.substr(operators.size()));
    if (!size) return std::unexpected(size.error());
    if (const auto range = range_of(operators, *size)) return *range;
    return fault(Retry::never,
                 fmt::format("\"{}\" holds for no size; write a comparison such as \"> 4 MiB\"", printable(text, 60)));
}

Result<std::uint64_t> parse_number(std::string_view text)
{
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end)
        return fault(Retry::never, fmt::format("\"{}\" is not a whole number; write one such as 10, or \"> 10\"",
                                               printable(text, 60)));
    return number;
}

Result<Matcher> parse_number_matcher(std::string_view text)
{
    const auto operators = text.substr(0, text.find_first_not_of("<>="));
    const auto number = parse_number(trim(text.substr(operators.size())));
    if (!number) return std::unexpected(number.error());
    if (const auto range = range_of(operators, *number)) return *range;
    return fault(Retry::never,
                 fmt::format("\"{}\" holds for no number; write a comparison such as \"> 10\"", printable(text, 60)));
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

bool matches(const Matcher& matcher, const FieldText& value)
{
    if (const auto* glob = std::get_if<Glob>(&matcher)) return matches_glob(*glob, value.lower);
    if (const auto* exactly = std::get_if<Exactly>(&matcher)) return exactly->text == value.lower;
    if (const auto* expression = std::get_if<Expression>(&matcher))
        return re2::RE2::PartialMatch(re2::StringPiece(value.text.data(), value.text.size()), *expression->compiled);
    return false;
}

}  // namespace postern::policy
