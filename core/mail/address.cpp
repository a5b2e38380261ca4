// Mailboxes: RFC 5321 section 4.1.2 with RFC 6531, and the key by which two spellings are one mailbox.
//
// Pure functions, safe on any bytes and any thread; linear in their input, which is bounded at 254 bytes.
#include "mail/address.hpp"

#include "base/text.hpp"
#include "mail/characters.hpp"

#include <fmt/format.h>

namespace postern::mail {

namespace {

constexpr std::size_t longest_local = 64;
constexpr std::size_t longest_address = 254;  // RFC 5321 section 4.5.3.1.3: a path of 256 holds the brackets too

auto bad_address(std::string_view text, std::string_view why)
{
    const std::string shown = printable(text);
    return fault(Retry::never, fmt::format("address '{}': {}", shown, why))
        .tell_peer(1, {1, 3}, fmt::format("The address '{}' is not valid: {}", shown, why));
}

/// UTF-8 that is text: no C1 controls, no line or paragraph separators, no overrides of writing direction.
bool is_normal_text(std::string_view text) noexcept
{
    if (is_ascii(text)) return true;
    if (!is_utf8(text)) return false;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        const auto first = static_cast<unsigned char>(text[i]);
        const auto second = static_cast<unsigned char>(text[i + 1]);
        if (first == 0xC2 && second < 0xA0) return false;  // U+0080..U+009F
        if (first != 0xE2 || i + 2 >= text.size()) continue;
        const auto third = static_cast<unsigned char>(text[i + 2]);
        if (second == 0x80 && third >= 0xA8 && third <= 0xAE) return false;  // U+2028..U+202E
        if (second == 0x81 && third >= 0xA6 && third <= 0xA9) return false;  // U+2066..U+2069
    }
    return true;
}

/// Where the local part ends (its "@"), with its meaning in `local`; npos if it is none.
std::size_t read_quoted(std::string_view text, std::string& local)
{
    for (std::size_t i = 1; i < text.size(); ++i) {
        char c = text[i];
        if (c == '"') return i + 1;
        if (c == '\\') {
            if (++i == text.size()) return text.npos;
            c = text[i];
            if (static_cast<unsigned char>(c) >= 0x80) return text.npos;
        }
        if (is_control(c)) return text.npos;
        local += c;
    }
    return text.npos;
}

std::size_t read_dot_string(std::string_view text, std::string& local)
{
    const std::size_t end = std::min(text.find('@'), text.size());
    local = text.substr(0, end);
    return is_dot_atom(local) ? end : text.npos;
}

}  // namespace

Result<Address> Address::parse(std::string_view text)
{
    if (text.empty()) return bad_address(text, "it is empty");
    if (text.size() > longest_address) return bad_address(text, "it is longer than 254 bytes");

    Address address;
    const bool quoted = text.front() == '"';
    const std::size_t at = quoted ? read_quoted(text, address.local_) : read_dot_string(text, address.local_);
    if (at == text.npos) return bad_address(text, "its local part is malformed");
    if (at == text.size()) return bad_address(text, "it has no domain");
    if (text[at] != '@') return bad_address(text, "its local part is malformed");
    if (at > longest_local) return bad_address(text, "its local part is longer than 64 bytes");
    if (!is_normal_text(text.substr(0, at))) return bad_address(text, "its local part is not readable UTF-8 text");

    auto domain = Domain::parse(text.substr(at + 1));
    if (!domain) return std::unexpected(std::move(domain.error()));
    address.domain_ = std::move(*domain);
    address.text_ = text;
    const std::string folded = to_lower(address.local_);
    address.key_ = is_dot_atom(folded) ? folded : quote(folded);
    address.key_ += '@';
    address.key_ += address.domain_.key();
    return address;
}

Address Address::at(Domain domain) const
{
    Address moved;
    moved.local_ = local_;
    moved.text_ = text_.substr(0, text_.size() - domain_.text().size());
    moved.text_ += domain.text();
    moved.key_ = key_.substr(0, key_.size() - domain_.key().size());
    moved.key_ += domain.key();
    moved.domain_ = std::move(domain);
    return moved;
}

bool Address::needs_utf8() const noexcept
{
    return !is_ascii(text_);
}

std::string to_path(const ReversePath& path)
{
    return path ? "<" + path->text() + ">" : "<>";
}

}  // namespace postern::mail
