// Finding the fields of a header section. Every message passes here once, so it reads each byte once and
// allocates only the list of fields.
//
// Pure functions, safe on any bytes and any thread. Only CRLF ends a line; a bare CR or LF is a byte like others.
#include "mail/header.hpp"

#include "base/text.hpp"
#include "mail/characters.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::mail {

namespace {

constexpr std::size_t usual_fields = 24;

/// Behind the next CRLF from `from`, or the content's size.
std::size_t line_end(std::string_view content, std::size_t from) noexcept
{
    while (true) {
        const std::size_t lf = content.find('\n', from);
        if (lf == content.npos) return content.size();
        if (lf > 0 && content[lf - 1] == '\r') return lf + 1;
        from = lf + 1;
    }
}

std::string_view without_crlf(std::string_view text) noexcept
{
    if (text.ends_with("\r\n")) text.remove_suffix(2);
    return text;
}

/// Where the colon of a field's first line stands; npos if the line is no field.
std::size_t find_colon(std::string_view line, std::size_t& name_size) noexcept
{
    std::size_t i = 0;
    while (i < line.size() && is_field_name(line[i])) ++i;
    name_size = i;
    while (i < line.size() && is_blank(line[i])) ++i;  // RFC 5322 section 4.5: white space before the colon
    return name_size > 0 && i < line.size() && line[i] == ':' ? i : line.npos;
}

/// Takes a folding line that ends at `end` into the field.
void widen(Field& field, std::string_view content, std::size_t end) noexcept
{
    const auto value_offset = static_cast<std::size_t>(field.value.data() - content.data());
    field.size = end - field.offset;
    field.value = without_crlf(content.substr(value_offset, end - value_offset));
}

auto too_many_bytes(const HeaderLimits& limits)
{
    return fault(Retry::never, fmt::format("header section over {} bytes", limits.bytes))
        .tell_peer(54, {6, 0}, fmt::format("The header section is longer than {} bytes", limits.bytes));
}

auto too_many_fields(const HeaderLimits& limits)
{
    return fault(Retry::never, fmt::format("more than {} header fields", limits.fields))
        .tell_peer(54, {6, 0}, fmt::format("The message has more than {} header fields", limits.fields));
}

}  // namespace

Result<Header> Header::parse(std::string_view content, const HeaderLimits& limits)
{
    Header header;
    header.fields_.reserve(usual_fields);
    std::size_t at = 0;
    while (at < content.size()) {
        if (content[at] == '\r' && content.substr(at, 2) == "\r\n") {
            header.end_offset_ = at;
            header.body_offset_ = at + 2;
            return header;
        }
        const std::size_t end = line_end(content, at);
        const bool folding = is_blank(content[at]) && !header.fields_.empty();
        std::size_t name_size = 0;
        const std::size_t colon = folding ? 0 : find_colon(content.substr(at, end - at), name_size);
        if (colon == content.npos) break;
        if (end > limits.bytes) return too_many_bytes(limits);
        if (folding) {
            widen(header.fields_.back(), content, end);
        } else {
            if (header.fields_.size() >= limits.fields) return too_many_fields(limits);
            const auto value = without_crlf(content.substr(at + colon + 1, end - at - colon - 1));
            header.fields_.push_back({content.substr(at, name_size), value, at, end - at});
        }
        at = end;
    }
    header.end_offset_ = header.body_offset_ = at;
    return header;
}

const Field* Header::find(std::string_view name) const noexcept
{
    const auto found = std::ranges::find_if(fields_, [&](const Field& f) { return iequals(f.name, name); });
    return found == fields_.end() ? nullptr : &*found;
}

std::size_t Header::count(std::string_view name) const noexcept
{
    const auto same = std::ranges::count_if(fields_, [&](const Field& f) { return iequals(f.name, name); });
    return static_cast<std::size_t>(same);
}

}  // namespace postern::mail
