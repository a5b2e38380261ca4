// Domain names and address literals: syntax, and the key by which two spellings are one domain.
//
// Pure functions, safe on any bytes and any thread. Only a name with bytes over 0x7F goes through libidn2.
#include "mail/domain.hpp"

#include "base/text.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <idn2.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <array>
#include <memory>

namespace postern::mail {

namespace {

constexpr std::size_t longest_domain = 255;
constexpr std::size_t longest_label = 63;

auto bad_domain(std::string_view text, std::string_view why)
{
    const std::string shown = printable(text);
    return fault(Retry::never, fmt::format("domain '{}': {}", shown, why))
        .tell_peer(1, {1, 2}, fmt::format("The domain '{}' is not valid: {}", shown, why));
}

bool is_letter_or_digit(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// What is wrong with a lower-case name in A-labels; nullptr if nothing is.
const char* fault_of_name(std::string_view name) noexcept
{
    std::size_t start = 0;
    for (std::size_t i = 0; i <= name.size(); ++i) {
        if (i < name.size() && name[i] != '.') {
            if (!is_letter_or_digit(name[i]) && name[i] != '-') return "it holds a character that no domain may have";
            continue;
        }
        if (i == start) return "it has an empty label";
        if (i - start > longest_label) return "a label is longer than 63 bytes";
        if (name[start] == '-' || name[i - 1] == '-') return "a label begins or ends with a hyphen";
        start = i + 1;
    }
    return nullptr;
}

/// The next label of `name` from `start`, which moves behind it.
std::string_view next_label(std::string_view name, std::size_t& start) noexcept
{
    const std::size_t dot = std::min(name.find('.', start), name.size());
    const std::string_view label = name.substr(start, dot - start);
    start = dot + 1;
    return label;
}

/// Label for label, what is ASCII in the key must be so in the text. The mapping of UTS 46 also reads full-width
/// letters, ideographic full stops and soft hyphens; a name that hides an ASCII label behind those is refused,
/// so that a suffix found in the key has the same bytes in the text.
bool labels_agree(std::string_view text, std::string_view key) noexcept
{
    std::size_t in_text = 0;
    std::size_t in_key = 0;
    while (in_text <= text.size() && in_key <= key.size()) {
        const auto written = next_label(text, in_text);
        const auto compared = next_label(key, in_key);
        if (is_ascii(written) ? !iequals(written, compared) : !compared.starts_with("xn--")) return false;
    }
    return in_text > text.size() && in_key > key.size();
}

/// The A-label form of a name with U-labels (RFC 5891 section 5); empty if it has none.
std::string to_a_labels(const std::string& text)
{
    char* name = nullptr;
    const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    const int outcome = idn2_to_ascii_8z(text.c_str(), &name, flags);
    const std::unique_ptr<char, decltype(&idn2_free)> owned(name, &idn2_free);
    if (outcome != IDN2_OK || name == nullptr) return {};
    return to_lower(name);
}

/// The key of "[192.0.2.1]" or "[IPv6:2001:db8::1]"; empty if it is neither.
std::string literal_key(std::string_view text)
{
    if (text.size() < 3 || text.back() != ']') return {};
    const std::string inner(text.substr(1, text.size() - 2));
    if (inner.find('\0') != inner.npos) return {};
    constexpr std::string_view tag = "ipv6:";
    std::array<unsigned char, sizeof(in6_addr)> address{};
    std::array<char, INET6_ADDRSTRLEN> shown{};
    if (inner.size() > tag.size() && iequals(std::string_view(inner).substr(0, tag.size()), tag)) {
        if (inet_pton(AF_INET6, inner.c_str() + tag.size(), address.data()) != 1) return {};
        inet_ntop(AF_INET6, address.data(), shown.data(), shown.size());
        return fmt::format("[ipv6:{}]", shown.data());
    }
    if (inet_pton(AF_INET, inner.c_str(), address.data()) != 1) return {};
    return std::string(text);
}

}  // namespace

Result<Domain> Domain::parse(std::string_view text)
{
    if (text.empty()) return bad_domain(text, "it is empty");
    if (text.size() > longest_domain) return bad_domain(text, "it is longer than 255 bytes");

    Domain domain;
    domain.text_ = text;
    if (domain.is_literal()) {
        domain.key_ = literal_key(text);
        if (domain.key_.empty()) return bad_domain(text, "it is no IPv4 or IPv6 address literal");
        return domain;
    }
    if (is_ascii(text)) {
        domain.key_ = to_lower(text);
    } else {
        if (!is_utf8(text) || text.find('\0') != text.npos) return bad_domain(text, "it is not UTF-8");
        domain.key_ = to_a_labels(domain.text_);
        if (domain.key_.empty() || !labels_agree(text, domain.key_))
            return bad_domain(text, "it is no internationalised domain name");
    }
    if (const char* why = fault_of_name(domain.key_)) return bad_domain(text, why);
    return domain;
}

bool Domain::is_below(std::string_view suffix_key) const noexcept
{
    if (is_literal() || suffix_key.empty() || key_.size() < suffix_key.size() + 2) return false;
    return key_.ends_with(suffix_key) && key_[key_.size() - suffix_key.size() - 1] == '.';
}

}  // namespace postern::mail
