// MAIL and RCPT: the path and the parameters behind it.
//
// Pure functions; linear in the line's length, which the server machine bounds.
#include "base/text.hpp"
#include "smtp/command.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

namespace postern::smtp {

namespace {

constexpr std::size_t longest_envelope_id = 100;         // RFC 3461 section 4.4
constexpr std::size_t longest_original_recipient = 500;  // RFC 3461 section 4.2

using Outcome = Result<void>;

FaultBuilder bad_form(std::string text)
{
    return fault(Retry::never, text).tell_peer(1, {5, 2}, text);
}

FaultBuilder bad_value(std::string_view parameter)
{
    const std::string text = fmt::format("The value of {} is not valid", parameter);
    return fault(Retry::never, text).tell_peer(1, {5, 4}, text);
}

FaultBuilder needs_smtputf8()
{
    return fault(Retry::never, "UTF-8 address without SMTPUTF8")
        .tell_peer(53, {6, 7}, "This address needs the SMTPUTF8 parameter of MAIL");
}

/// A path without its brackets, and what stands behind it.
struct Path {
    std::string_view mailbox;
    std::string_view parameters;
};

/// Where the bracket that opens `text` closes; npos if nowhere. A quoted local part may hold ">".
std::size_t closing_bracket(std::string_view text) noexcept
{
    bool quoted = false;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (quoted && text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (text[i] == '>' && !quoted)
            return i;
    }
    return text.npos;
}

Result<Path> read_path(std::string_view argument, std::string_view keyword)
{
    const std::string usage = fmt::format("Say {}<address> and then parameters", keyword);
    if (!iequals(argument.substr(0, keyword.size()), keyword)) return bad_form(usage);
    const std::string_view text = trim(argument.substr(keyword.size()));
    if (text.empty() || text.front() != '<') return bad_form(usage);
    const std::size_t end = closing_bracket(text);
    if (end == text.npos) return bad_form(usage);

    Path path{text.substr(1, end - 1), text.substr(end + 1)};
    if (!path.parameters.empty() && path.parameters.front() != ' ') return bad_form(usage);
    if (path.mailbox.starts_with('@')) {  // a source route: accepted and ignored (RFC 5321 appendix C)
        const std::size_t colon = path.mailbox.find(':');
        if (colon == path.mailbox.npos) return bad_form(usage);
        path.mailbox.remove_prefix(colon + 1);
        if (path.mailbox.empty()) return bad_form(usage);
    }
    return path;
}

/// KEYWORD or KEYWORD=value.
struct Parameter {
    std::string_view keyword;
    std::string_view value;
    bool has_value = false;
};

std::optional<Parameter> next_parameter(std::string_view& text)
{
    text = trim(text);
    if (text.empty()) return std::nullopt;
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    if (equals == word.npos) return Parameter{word, {}, false};
    return Parameter{word.substr(0, equals), word.substr(equals + 1), true};
}

/// One parameter that a command knows.
template <class Target>
struct Rule {
    std::string_view keyword;
    bool offered = false;
    bool takes_value = false;
    Outcome (*read)(std::string_view value, Target& target) = nullptr;
};

template <class Target, std::size_t Count>
Outcome read_parameters(std::string_view text, const std::array<Rule<Target>, Count>& rules, Target& target)
{
    std::array<bool, Count> seen{};
    while (const auto parameter = next_parameter(text)) {
        const auto rule = std::ranges::find_if(
            rules, [&](const auto& known) { return known.offered && iequals(known.keyword, parameter->keyword); });
        if (rule == rules.end())
            return fault(Retry::never, "unknown parameter")
                .tell_peer(55, {5, 4}, fmt::format("Unknown parameter {}", printable(parameter->keyword, 40)));
        auto& given = seen[static_cast<std::size_t>(rule - rules.begin())];
        if (std::exchange(given, true))
            return fault(Retry::never, "parameter given twice")
                .tell_peer(1, {5, 4}, fmt::format("{} is given twice", rule->keyword));
        if (rule->takes_value != parameter->has_value) return bad_value(rule->keyword);
        if (auto read = rule->read(parameter->value, target); !read) return read;
    }
    return {};
}

Outcome read_size(std::string_view value, mail::Sender& sender)
{
    std::uint64_t bytes = 0;
    const char* const end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, bytes);
    if (value.empty() || error != std::errc() || rest != end) return bad_value("SIZE");
    sender.declared_size = bytes;
    return {};
}

Outcome read_body(std::string_view value, mail::Sender& sender)
{
    if (iequals(value, "8BITMIME"))
        sender.body = mail::Body::eight_bit_mime;
    else if (iequals(value, "7BIT"))
        sender.body = mail::Body::seven_bit;
    else
        return bad_value("BODY");
    return {};
}

Outcome read_smtputf8(std::string_view, mail::Sender& sender)
{
    sender.smtputf8 = true;
    return {};
}

Outcome read_require_tls(std::string_view, mail::Sender& sender)
{
    sender.require_tls = true;
    return {};
}

Outcome read_ret(std::string_view value, mail::Sender& sender)
{
    if (iequals(value, "FULL"))
        sender.ret = mail::Return::full;
    else if (iequals(value, "HDRS"))
        sender.ret = mail::Return::headers;
    else
        return bad_value("RET");
    return {};
}

Outcome read_envid(std::string_view value, mail::Sender& sender)
{
    if (value.empty() || value.size() > longest_envelope_id) return bad_value("ENVID");
    auto id = decode_xtext(value);
    if (!id || !std::ranges::all_of(*id, [](char c) { return c >= ' ' && c <= '~'; })) return bad_value("ENVID");
    sender.envelope_id = std::move(*id);
    return {};
}

/// RCPT's parameters, with what their checks need.
struct RecipientParameters {
    mail::Notify notify;
    std::string original_recipient;
    bool smtputf8 = false;
};

Outcome read_notify(std::string_view value, RecipientParameters& target)
{
    mail::Notify notify;
    notify.specified = true;
    for (std::size_t start = 0; start <= value.size();) {
        const std::size_t end = std::min(value.find(',', start), value.size());
        const std::string_view word = value.substr(start, end - start);
        if (iequals(word, "NEVER"))
            notify.never = true;
        else if (iequals(word, "SUCCESS"))
            notify.success = true;
        else if (iequals(word, "FAILURE"))
            notify.failure = true;
        else if (iequals(word, "DELAY"))
            notify.delay = true;
        else
            return bad_value("NOTIFY");
        start = end + 1;
    }
    if (notify.never && (notify.success || notify.failure || notify.delay)) return bad_value("NOTIFY");
    target.notify = notify;
    return {};
}

bool is_address_type(std::string_view text) noexcept
{
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        const char lower = ascii_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Outcome read_orcpt(std::string_view value, RecipientParameters& target)
{
    const std::size_t semicolon = value.find(';');
    if (value.size() > longest_original_recipient || semicolon == value.npos) return bad_value("ORCPT");
    const std::string_view type = value.substr(0, semicolon);
    const std::string_view address = value.substr(semicolon + 1);
    if (!is_address_type(type) || address.empty()) return bad_value("ORCPT");
    // RFC 6533 section 3: an address of type utf-8 may stand as it is where SMTPUTF8 was said.
    const bool plain_utf8 = target.smtputf8 && iequals(type, "utf-8") && !is_ascii(address) && is_utf8(address);
    if (!plain_utf8 && !decode_xtext(address)) return bad_value("ORCPT");
    target.original_recipient = value;
    return {};
}

int from_hex(char c) noexcept
{
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

Result<mail::Sender> parse_mail(std::string_view argument, const Capabilities& offered)
{
    const auto path = read_path(argument, "FROM:");
    if (!path) return std::unexpected(path.error());
    mail::Sender sender;
    const std::array<Rule<mail::Sender>, 6> rules{{
        {"SIZE", offered.size, true, read_size},
        {"BODY", offered.eight_bit_mime, true, read_body},
        {"SMTPUTF8", offered.smtputf8, false, read_smtputf8},
        {"REQUIRETLS", offered.require_tls, false, read_require_tls},
        {"RET", offered.dsn, true, read_ret},
        {"ENVID", offered.dsn, true, read_envid},
    }};
    if (auto read = read_parameters(path->parameters, rules, sender); !read)
        return std::unexpected(std::move(read.error()));
    if (path->mailbox.empty()) return sender;
    if (!sender.smtputf8 && !is_ascii(path->mailbox)) return needs_smtputf8();

    auto address = mail::Address::parse(path->mailbox);
    if (!address) {
        const auto peer = address.error().peer();
        return fault(Retry::never, "bad reverse-path")
            .tell_peer(53, {1, 7}, peer.text)
            .because(std::move(address.error()));
    }
    sender.path = std::move(*address);
    return sender;
}

Result<mail::Recipient> parse_rcpt(std::string_view argument, const Capabilities& offered,
                                   const RecipientContext& context)
{
    const auto path = read_path(argument, "TO:");
    if (!path) return std::unexpected(path.error());
    RecipientParameters parameters;
    parameters.smtputf8 = context.smtputf8;
    const std::array<Rule<RecipientParameters>, 2> rules{{
        {"NOTIFY", offered.dsn, true, read_notify},
        {"ORCPT", offered.dsn, true, read_orcpt},
    }};
    if (auto read = read_parameters(path->parameters, rules, parameters); !read)
        return std::unexpected(std::move(read.error()));
    if (!context.smtputf8 && !is_ascii(path->mailbox)) return needs_smtputf8();

    const bool postmaster = iequals(path->mailbox, "postmaster");
    auto address = postmaster ? mail::Address::parse(fmt::format("{}@{}", path->mailbox, context.server_name))
                              : mail::Address::parse(path->mailbox);
    if (!address) {
        const auto peer = address.error().peer();
        return fault(Retry::never, "bad forward-path")
            .tell_peer(53, peer.status, peer.text)
            .because(std::move(address.error()));
    }
    return mail::Recipient{std::move(*address), parameters.notify, std::move(parameters.original_recipient)};
}

std::string encode_xtext(std::string_view text)
{
    std::string xtext;
    for (const char c : text) {
        if (c > ' ' && c <= '~' && c != '+' && c != '=')
            xtext += c;
        else
            xtext += fmt::format("+{:02X}", static_cast<unsigned char>(c));
    }
    return xtext;
}

std::optional<std::string> decode_xtext(std::string_view xtext)
{
    std::string text;
    for (std::size_t i = 0; i < xtext.size(); ++i) {
        const char c = xtext[i];
        if (c <= ' ' || c > '~' || c == '=') return std::nullopt;
        if (c != '+') {
            text += c;
            continue;
        }
        if (xtext.size() - i < 3) return std::nullopt;
        const int high = from_hex(xtext[i + 1]);
        const int low = from_hex(xtext[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        text += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return text;
}

}  // namespace postern::smtp
