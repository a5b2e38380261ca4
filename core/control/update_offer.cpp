#include "control/update_offer.hpp"

#include "base/text.hpp"
#include "directory/audit_chain.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

namespace postern::control {

namespace {

constexpr std::string_view first_line = "postern-update 1";

std::string_view take_line(std::string_view& text)
{
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

bool is_version(std::string_view text)
{
    return !text.empty() && text.size() <= 40 && text.front() != '.' && text.back() != '.' &&
           text.find("..") == text.npos && text.find_first_not_of("0123456789.") == text.npos;
}

/// The next number of a version, 0 behind its end.
unsigned long take_number(std::string_view& version)
{
    unsigned long number = 0;
    const auto dot = std::min(version.find('.'), version.size());
    std::from_chars(version.data(), version.data() + dot, number);
    version.remove_prefix(std::min(dot + 1, version.size()));
    return number;
}

}  // namespace

bool is_higher(std::string_view version, std::string_view than)
{
    while (!version.empty() || !than.empty()) {
        const auto a = take_number(version), b = take_number(than);
        if (a != b) return a > b;
    }
    return false;
}

Result<UpdateOffer> read_offer(std::string_view manifest, std::string_view signature, const std::string& maker,
                               std::string_view running)
{
    if (!directory::is_signed_by(manifest, signature, maker))
        return fault(Retry::never, "the manifest's signature is not that of this appliance's maker");
    auto rest = manifest;
    if (const auto line = take_line(rest); line != first_line)
        return fault(Retry::never,
                     fmt::format("the manifest's form is not known to this version: {}", printable(line, 60)));
    UpdateOffer offer;
    constexpr std::string_view word = "version ";
    while (!rest.empty() && offer.version.empty())
        if (const auto line = take_line(rest); line.starts_with(word)) offer.version = trim(line.substr(word.size()));
    if (!is_version(offer.version)) return fault(Retry::never, "the manifest names no version");
    offer.newer = is_higher(offer.version, running);
    return offer;
}

}  // namespace postern::control
