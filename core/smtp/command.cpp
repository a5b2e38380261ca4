// Verbs, hello names and chunk sizes. Pure functions, linear in the line, on any thread.
#include "smtp/command.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace postern::smtp {

namespace {

constexpr std::size_t longest_hello = 255;

constexpr auto verbs = std::to_array<std::pair<std::string_view, Verb>>({
    {"MAIL", Verb::mail},          {"RCPT", Verb::rcpt},          {"DATA", Verb::data},
    {"BDAT", Verb::bdat},          {"EHLO", Verb::ehlo},          {"HELO", Verb::helo},
    {"RSET", Verb::rset},          {"QUIT", Verb::quit},          {"NOOP", Verb::noop},
    {"STARTTLS", Verb::starttls},  {"VRFY", Verb::vrfy},          {"EXPN", Verb::expn},
    {"HELP", Verb::help},          {"AUTH", Verb::unimplemented}, {"ETRN", Verb::unimplemented},
    {"TURN", Verb::unimplemented}, {"ATRN", Verb::unimplemented}, {"SEND", Verb::unimplemented},
    {"SOML", Verb::unimplemented}, {"SAML", Verb::unimplemented}, {"BURL", Verb::unimplemented},
    {"GET", Verb::foreign},        {"POST", Verb::foreign},       {"PUT", Verb::foreign},
    {"HEAD", Verb::foreign},       {"CONNECT", Verb::foreign},    {"OPTIONS", Verb::foreign},
});

bool is_control(char c) noexcept
{
    return static_cast<unsigned char>(c) < ' ' || c == '\x7F';
}

bool is_hello_char(char c) noexcept
{
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_hello_literal(std::string_view text) noexcept
{
    if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
    const auto inner = text.substr(1, text.size() - 2);
    return std::ranges::all_of(inner, [](char c) { return is_hello_char(c) || c == ':'; });
}

FaultBuilder bad_value(std::string text)
{
    return fault(Retry::never, text).tell_peer(1, {5, 4}, text);
}

}  // namespace

Result<CommandLine> split_command(std::string_view line)
{
    if (std::ranges::any_of(line, is_control))
        return fault(Retry::never, "control character in a command")
            .tell_peer(0, {5, 2}, "Commands hold no control characters and end in CRLF");
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, space);
    CommandLine command;
    command.argument = trim(line.substr(space));
    for (const auto& [name, verb] : verbs)
        if (iequals(name, word)) command.verb = verb;
    return command;
}

Result<std::string> parse_hello(std::string_view argument)
{
    const bool name = !argument.empty() && std::ranges::all_of(argument, is_hello_char);
    if (argument.size() > longest_hello || !(name || is_hello_literal(argument)))
        return bad_value("Say the name of your host or its address literal");
    return std::string(argument);
}

Result<Chunk> parse_bdat(std::string_view argument)
{
    Chunk chunk;
    const char* const end = argument.data() + argument.size();
    const auto [rest, error] = std::from_chars(argument.data(), end, chunk.size);
    if (argument.empty() || error != std::errc()) return bad_value("BDAT needs the size of its chunk");
    const std::string_view behind(rest, end);
    if (!behind.empty() && behind.front() != ' ') return bad_value("BDAT needs the size of its chunk");
    chunk.last = iequals(trim(behind), "LAST");
    if (!chunk.last && !behind.empty()) return bad_value("Behind the size BDAT takes LAST alone");
    return chunk;
}

}  // namespace postern::smtp
