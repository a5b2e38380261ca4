// The trace token: its form and its signature.
//
// Signed is the value without white space, from "v1" up to ";sig=". Each kind of digest has a prefix of its own, so
// that none can be passed off as another.
#include "transform/trace_token.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "transform/entry.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <algorithm>
#include <charconv>

namespace postern::transform {

namespace {

constexpr std::size_t digest_size = 12;  // bytes of a recipient's digest: 96 bits
constexpr std::size_t longest_value = 64 * 1024;
constexpr std::size_t most_recipients = 2000;
constexpr unsigned most_hops = 1000;
constexpr std::size_t most_fields = 20;

std::string base64url(std::string_view bytes)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    unsigned gathered = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        gathered = (gathered << 8 | static_cast<unsigned char>(c)) & 0xFFFF;
        for (bits += 8; bits >= 6; bits -= 6) text += digits[gathered >> (bits - 6) & 0x3F];
    }
    if (bits > 0) text += digits[gathered << (6 - bits) & 0x3F];
    return text;
}

std::string recipient_digest(std::string_view message_id, std::string_view recipient_key, const TraceKey& key)
{
    std::string text = "postern-trace-recipient-1:";
    text += message_id;
    text += ':';
    text += recipient_key;
    return base64url(std::string_view(key.mac(text)).substr(0, digest_size));
}

std::string signature(std::string_view without_space, const TraceKey& key)
{
    return base64url(key.mac("postern-trace-token-1:" + std::string(without_space)));
}

bool same_secret(std::string_view a, std::string_view b) noexcept
{
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Takes "name=" and what follows up to `end` off the front of `rest`; nothing if it does not stand there.
std::optional<std::string_view> take(std::string_view& rest, std::string_view name, char end)
{
    if (!rest.starts_with(name)) return std::nullopt;
    rest.remove_prefix(name.size());
    const std::size_t stop = rest.find(end);
    if (stop == rest.npos) return std::nullopt;
    const std::string_view taken = rest.substr(0, stop);
    rest.remove_prefix(stop + 1);
    return taken;
}

bool is_organisation_id(std::string_view id) noexcept
{
    return !id.empty() && id.size() <= 64 &&
           std::ranges::all_of(id, [](char c) { return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

bool TraceToken::names(std::string_view recipient_key, const TraceKey& key) const
{
    const std::string digest = recipient_digest(message_id, recipient_key, key);
    bool found = false;
    for (const std::string& named : to) found = same_secret(named, digest) || found;
    return found;
}

std::string make_token(std::string_view message_id, std::string_view organisation, unsigned hops,
                       std::span<const std::string> recipient_keys, const TraceKey& key)
{
    std::string text = fmt::format("v1id={};org={};hops={};to=", message_id, organisation, hops);
    std::string shown = fmt::format("v1 id={}; org={}; hops={};\r\n\tto=", message_id, organisation, hops);
    for (std::size_t i = 0; i < recipient_keys.size(); ++i) {
        const std::string digest = recipient_digest(message_id, recipient_keys[i], key);
        // Four digests fill a line.
        if (i > 0) shown += i % 4 == 0 ? ",\r\n\t" : ",";
        if (i > 0) text += ',';
        shown += digest;
        text += digest;
    }
    return shown + ";\r\n\tsig=" + signature(text, key);
}

std::optional<TraceToken> verify_token(std::string_view value, const TraceKey& key)
{
    if (value.size() > longest_value) return std::nullopt;
    std::string text;
    for (const char c : value)
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') text += c;
    const std::size_t signed_size = text.rfind(";sig=");
    if (signed_size == text.npos) return std::nullopt;
    const std::string_view claim(text.data(), signed_size);
    if (!same_secret(std::string_view(text).substr(signed_size + 5), signature(claim, key))) return std::nullopt;

    std::string_view rest = std::string_view(text).substr(0, signed_size + 1);
    const auto id = take(rest, "v1id=", ';');
    const auto organisation = id ? take(rest, "org=", ';') : std::nullopt;
    const auto hops = organisation ? take(rest, "hops=", ';') : std::nullopt;
    auto to = hops ? take(rest, "to=", ';') : std::nullopt;
    if (!to || !rest.empty() || !is_message_id(*id) || !is_organisation_id(*organisation)) return std::nullopt;

    TraceToken token{std::string(*id), std::string(*organisation), 0, {}};
    const auto number = std::from_chars(hops->data(), hops->data() + hops->size(), token.hops);
    if (number.ec != std::errc{} || number.ptr != hops->data() + hops->size() || token.hops > most_hops)
        return std::nullopt;
    while (!to->empty() && token.to.size() < most_recipients) {
        const std::size_t comma = std::min(to->find(','), to->size());
        token.to.emplace_back(to->substr(0, comma));
        to->remove_prefix(std::min(comma + 1, to->size()));
    }
    return token;
}

std::optional<TraceToken> find_token(const mail::Header& header, const TraceKey& key)
{
    std::optional<TraceToken> found;
    std::size_t looked_at = 0;
    for (const mail::Field& field : header.fields()) {
        if (!iequals(field.name, trace_field)) continue;
        if (++looked_at > most_fields) break;
        auto token = verify_token(field.value, key);
        if (token && (!found || token->hops > found->hops)) found = std::move(token);
    }
    return found;
}

Comeback comes_back(const std::optional<TraceToken>& token, std::string_view organisation,
                    std::string_view recipient_key, const TraceKey& key)
{
    if (!token || token->organisation != organisation) return Comeback::none;
    return token->names(recipient_key, key) ? Comeback::loop : Comeback::redirect;
}

}  // namespace postern::transform
