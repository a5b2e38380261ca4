#include "mail/mime_values.hpp"

#include "base/text.hpp"
#include "mail/charset.hpp"
#include "mail/file_name.hpp"
#include "mail/uuencoded.hpp"

#include <gmime/gmime.h>
#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <type_traits>

namespace postern::mail {

namespace {

constexpr std::size_t longest_field = 8 * 1024;
constexpr std::size_t piece = 16 * 1024;

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* handle) const noexcept
    {
        Free(handle);
    }
};
using TypeHandle = std::unique_ptr<GMimeContentType, Freed<g_object_unref>>;
using DispositionHandle = std::unique_ptr<GMimeContentDisposition, Freed<g_object_unref>>;
using Options = std::unique_ptr<GMimeParserOptions, Freed<g_mime_parser_options_free>>;

void warned(gint64, GMimeParserWarning what, const gchar*, gpointer malformed)
{
    switch (what) {
        case GMIME_WARN_INVALID_CONTENT_TYPE:
        case GMIME_WARN_DUPLICATED_PARAMETER:
        case GMIME_CRIT_CONFLICTING_PARAMETER:
        case GMIME_CRIT_INVALID_HEADER_NAME:
            *static_cast<bool*>(malformed) = true;
            break;
        default:
            break;
    }
}

// One line without NUL, as GMime's C strings need it.
std::string unfolded(std::string_view value, bool& malformed)
{
    if (value.size() > longest_field) {
        malformed = true;
        value = value.substr(0, longest_field);
    }
    std::string line;
    line.reserve(value.size());
    for (const char c : value) {
        if (c == '\0') malformed = true;
        if (c != '\0' && c != '\r' && c != '\n') line.push_back(c);
    }
    return line;
}

std::string_view from_c(const char* text)
{
    return text ? std::string_view(text) : std::string_view{};
}

std::string_view extension(std::string_view name)
{
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? std::string_view{} : name.substr(dot);
}

Part::Encoding encoding_of(std::string_view value, bool& malformed)
{
    const std::string text = unfolded(trim(value), malformed);
    if (text.empty()) return Part::Encoding::none;
    switch (g_mime_content_encoding_from_string(text.c_str())) {
        case GMIME_CONTENT_ENCODING_BASE64:
            return Part::Encoding::base64;
        case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
            return Part::Encoding::quoted_printable;
        case GMIME_CONTENT_ENCODING_UUENCODE:
            return Part::Encoding::uuencode;
        case GMIME_CONTENT_ENCODING_DEFAULT:
            malformed = true;
            return Part::Encoding::none;
        default:
            return Part::Encoding::none;
    }
}

void read_type(const ContentFields& fields, GMimeParserOptions* options, ContentValues& values, std::string& name)
{
    const std::string line = unfolded(fields.type, values.malformed);
    const TypeHandle type(g_mime_content_type_parse(options, line.c_str()));
    if (!type) {
        values.malformed = true;
        return;
    }
    const std::unique_ptr<char, Freed<g_free>> text(g_mime_content_type_get_mime_type(type.get()));
    if (text) values.type = to_lower(printable(text.get(), 200));
    values.charset = to_lower(printable(from_c(g_mime_content_type_get_parameter(type.get(), "charset")), 100));
    values.boundary = from_c(g_mime_content_type_get_parameter(type.get(), "boundary"));
    name = from_c(g_mime_content_type_get_parameter(type.get(), "name"));
}

void read_disposition(const ContentFields& fields, GMimeParserOptions* options, ContentValues& values,
                      std::string& name)
{
    const std::string line = unfolded(fields.disposition, values.malformed);
    const DispositionHandle disposition(g_mime_content_disposition_parse(options, line.c_str()));
    if (!disposition) return;
    values.attached = iequals(from_c(g_mime_content_disposition_get_disposition(disposition.get())), "attachment");
    name = from_c(g_mime_content_disposition_get_parameter(disposition.get(), "filename"));
}

// Whether padding stands only at the end: some programs stop at the first, others read on.
bool padded_at_the_end(std::string_view body)
{
    const auto padding = body.find('=');
    return padding == std::string_view::npos || body.find_first_not_of("= \t\r\n", padding) == std::string_view::npos;
}

GMimeContentEncoding gmime_encoding(Part::Encoding encoding)
{
    switch (encoding) {
        case Part::Encoding::base64:
            return GMIME_CONTENT_ENCODING_BASE64;
        case Part::Encoding::quoted_printable:
            return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
        case Part::Encoding::uuencode:
            return GMIME_CONTENT_ENCODING_UUENCODE;
        case Part::Encoding::none:
            break;
    }
    return GMIME_CONTENT_ENCODING_BINARY;
}

// Debian 13's GMime takes a function more, which frees the data.
template <class Setter = decltype(&g_mime_parser_options_set_warning_callback)>
void warn_by(GMimeParserOptions* options, GMimeParserWarningFunc function, gpointer data,
             Setter set = &g_mime_parser_options_set_warning_callback)
{
    if constexpr (std::is_invocable_v<Setter, GMimeParserOptions*, GMimeParserWarningFunc, gpointer>)
        set(options, function, data);
    else
        set(options, function, data, nullptr);
}

}  // namespace

std::string clean_name(std::string_view raw, std::size_t longest)
{
    std::string name = stored_name(raw);
    name.erase(0, name.find_last_of("/\\") + 1);
    name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
    if (name.size() <= longest) return name;
    // The end is what tells its kind, so it is the middle that goes.
    const auto is_inner = [&name](std::size_t at) { return (static_cast<unsigned char>(name[at]) & 0xc0) == 0x80; };
    std::size_t tail = name.size() - longest / 2;
    while (tail < name.size() && is_inner(tail)) ++tail;
    std::size_t head = longest - longest / 2;
    while (head > 0 && is_inner(head)) --head;
    return name.substr(0, head) + name.substr(tail);
}

ContentValues read_content_fields(const ContentFields& fields, std::size_t longest_name)
{
    static std::once_flag once;
    std::call_once(once, [] { g_mime_init(); });
    ContentValues values;
    values.malformed = fields.repeated;
    values.encoding = encoding_of(fields.encoding, values.malformed);
    if (fields.type.empty() && fields.disposition.empty()) return values;

    const Options options(g_mime_parser_options_new());
    warn_by(options.get(), warned, &values.malformed);
    std::string declared;
    std::string filename;
    if (!fields.type.empty()) read_type(fields, options.get(), values, declared);
    if (!fields.disposition.empty()) read_disposition(fields, options.get(), values, filename);
    declared = clean_name(declared, longest_name);
    filename = clean_name(filename, longest_name);
    if (!declared.empty() && !filename.empty() && !iequals(extension(declared), extension(filename)))
        values.malformed = true;
    values.name = filename.empty() ? std::move(declared) : std::move(filename);
    return values;
}

bool decode_body(std::string_view body, Part::Encoding encoding, const std::function<bool(std::string_view)>& take)
{
    if (encoding == Part::Encoding::none) {
        static_cast<void>(take(body));
        return true;
    }
    if (encoding == Part::Encoding::uuencode)  // GMime decodes its lines only
        if (const auto files = uuencoded_files(body, 1); !files.empty()) body = files.front().lines;
    GMimeEncoding state;
    g_mime_encoding_init_decode(&state, gmime_encoding(encoding));
    std::array<char, 2 * piece> out;
    for (std::size_t at = 0; at < body.size(); at += piece) {
        const auto in = body.substr(at, piece);
        const std::size_t made = g_mime_encoding_step(&state, in.data(), in.size(), out.data());
        if (made > 0 && !take({out.data(), made})) break;
    }
    return encoding != Part::Encoding::base64 || padded_at_the_end(body);
}

std::string decode_behind_padding(std::string_view body)
{
    std::string bytes;
    const auto take = [&bytes](std::string_view more) {
        bytes += more;
        return true;
    };
    for (;;) {
        body.remove_prefix(std::min(body.find_first_not_of("= \t\r\n"), body.size()));
        if (body.empty()) return bytes;
        const auto padding = std::min(body.find('='), body.size());
        const auto end = std::min(body.find_first_not_of("= \t\r\n", padding), body.size());
        decode_body(body.substr(0, end), Part::Encoding::base64, take);
        body.remove_prefix(end);
    }
}

}  // namespace postern::mail
