// EHLO replies, written and read. Pure functions, on any thread.
#include "smtp/capabilities.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace postern::smtp {

namespace {

std::uint64_t read_size(std::string_view argument) noexcept
{
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), bytes);
    return error == std::errc() && end == argument.data() + argument.size() ? bytes : 0;
}

/// Mechanisms of AUTH that the client can use.
void read_mechanisms(std::string_view list, Capabilities& offered)
{
    while (!list.empty()) {
        const auto end = std::min(list.find(' '), list.size());
        const auto word = list.substr(0, end);
        offered.auth_plain = offered.auth_plain || iequals(word, "PLAIN");
        offered.auth_login = offered.auth_login || iequals(word, "LOGIN");
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

void read_keyword(std::string_view keyword, std::string_view argument, Capabilities& offered)
{
    if (iequals(keyword, "PIPELINING"))
        offered.pipelining = true;
    else if (iequals(keyword, "8BITMIME"))
        offered.eight_bit_mime = true;
    else if (iequals(keyword, "SMTPUTF8"))
        offered.smtputf8 = true;
    else if (iequals(keyword, "ENHANCEDSTATUSCODES"))
        offered.enhanced_status_codes = true;
    else if (iequals(keyword, "CHUNKING"))
        offered.chunking = true;
    else if (iequals(keyword, "DSN"))
        offered.dsn = true;
    else if (iequals(keyword, "STARTTLS"))
        offered.starttls = true;
    else if (iequals(keyword, "REQUIRETLS"))
        offered.require_tls = true;
    else if (iequals(keyword, "AUTH"))
        read_mechanisms(argument, offered);
    else if (iequals(keyword, "SIZE")) {
        offered.size = true;
        offered.size_limit = read_size(argument);
    }
}

}  // namespace

std::vector<std::string> ehlo_lines(std::string_view server_name, const Capabilities& offered)
{
    std::vector<std::string> lines;
    lines.reserve(10);
    lines.emplace_back(server_name);
    if (offered.pipelining) lines.emplace_back("PIPELINING");
    if (offered.size && offered.size_limit == 0) lines.emplace_back("SIZE");
    if (offered.size && offered.size_limit != 0) lines.emplace_back("SIZE " + std::to_string(offered.size_limit));
    if (offered.starttls) lines.emplace_back("STARTTLS");
    if (offered.require_tls) lines.emplace_back("REQUIRETLS");
    if (offered.enhanced_status_codes) lines.emplace_back("ENHANCEDSTATUSCODES");
    if (offered.eight_bit_mime) lines.emplace_back("8BITMIME");
    if (offered.dsn) lines.emplace_back("DSN");
    if (offered.smtputf8) lines.emplace_back("SMTPUTF8");
    if (offered.chunking) lines.emplace_back("CHUNKING");
    return lines;
}

Capabilities read_ehlo(const std::vector<std::string>& lines)
{
    Capabilities offered;
    for (std::size_t i = 1; i < lines.size(); ++i) {  // the first line is the server's name
        const std::string_view line = trim(lines[i]);
        const std::size_t space = line.find(' ');
        const std::string_view argument = space == line.npos ? std::string_view() : trim(line.substr(space));
        read_keyword(line.substr(0, space), argument, offered);
    }
    return offered;
}

}  // namespace postern::smtp
