// The door: one pass over the fields, each looked up once by its name in a small table.
#include "transform/entry.hpp"

#include "base/text.hpp"
#include "transform/addresses.hpp"
#include "transform/mapping.hpp"
#include "transform/subject.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <utility>

namespace postern::transform {

namespace {

/// What becomes of a field at the door.
enum class Treatment { keep, drop, map_addresses, receipt, judge_results, untag, date, message_id };

constexpr std::array<std::pair<std::string_view, Treatment>, 22> treatments{{
    {"To", Treatment::map_addresses},
    {"From", Treatment::map_addresses},
    {"Subject", Treatment::untag},
    {"Date", Treatment::date},
    {"Message-ID", Treatment::message_id},
    {"Cc", Treatment::map_addresses},
    {"Sender", Treatment::map_addresses},
    {"Reply-To", Treatment::map_addresses},
    {"Resent-From", Treatment::map_addresses},
    {"Resent-Sender", Treatment::map_addresses},
    {"Resent-To", Treatment::map_addresses},
    {"Resent-Cc", Treatment::map_addresses},
    {"Resent-Reply-To", Treatment::map_addresses},
    {"Mail-Followup-To", Treatment::map_addresses},
    {"Mail-Reply-To", Treatment::map_addresses},
    {"Disposition-Notification-To", Treatment::receipt},
    {"Return-Receipt-To", Treatment::receipt},
    {"X-Confirm-Reading-To", Treatment::receipt},
    {"Bcc", Treatment::drop},
    {"Resent-Bcc", Treatment::drop},
    {"Return-Path", Treatment::drop},
    {"Authentication-Results", Treatment::judge_results},
}};

/// Fields of this name are ours alone, whatever follows.
constexpr std::string_view our_fields = "Postern-";

Treatment treatment_of(std::string_view name, const EntryFacts& facts)
{
    for (const auto& [known, treatment] : treatments)
        if (iequals(known, name)) return treatment;
    if (iequals(name.substr(0, our_fields.size()), our_fields)) return Treatment::drop;
    const bool ours = std::ranges::any_of(facts.added_by_tags, [&](const auto& added) { return iequals(added, name); });
    return ours ? Treatment::drop : Treatment::keep;
}

/// Behind white space and comments (RFC 5322 section 3.2.2).
std::size_t skip_comments(std::string_view text, std::size_t at) noexcept
{
    std::size_t depth = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '(')
            ++depth;
        else if (depth > 0 && c == ')')
            --depth;
        else if (depth > 0 && c == '\\')
            ++at;
        else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
    }
    return std::min(at, text.size());
}

/// The token or quoted string that a value begins with, behind comments.
std::string first_token(std::string_view value)
{
    std::size_t at = skip_comments(value, 0);
    std::string token;
    if (at < value.size() && value[at] == '"') {
        for (++at; at < value.size() && value[at] != '"'; ++at) {
            if (value[at] == '\\' && at + 1 < value.size()) ++at;
            token += value[at];
        }
        return token;
    }
    const std::size_t end = value.find_first_of("; \t\r\n(\"", at);
    return std::string(value.substr(at, end == value.npos ? end : end - at));
}

/// RFC 8601 section 5: results in our name are believed by our members, so only we may give them.
bool is_in_our_name(std::string_view results, const EntryFacts& facts)
{
    std::string id = first_token(results);
    while (id.ends_with('.')) id.pop_back();
    return id.empty() || iequals(id, facts.node) || iequals(id, facts.suffix);
}

bool is_at_or_below(const mail::Domain& domain, std::string_view suffix)
{
    const std::string key = to_lower(suffix);
    return domain.key() == key || domain.is_below(key);
}

/// Whether a receipt would go to anybody outside; so would one to what can't be read, as far as we know. Domains of
/// `sender` become inside ones.
bool asks_outside(std::string_view value, const vocabulary::Organisation* sender, std::string_view suffix)
{
    const auto list = mail::find_addresses(value);
    if (list.malformed || list.places.empty()) return true;
    return std::ranges::any_of(list.places, [&](const mail::AddressPlace& place) {
        const auto& domain = place.address.domain();
        if (is_at_or_below(domain, suffix)) return false;
        return sender == nullptr || inside_text(domain, *sender).empty();
    });
}

void untag(mail::HeaderEditor& editor, std::size_t index, const EntryFacts& facts)
{
    for (const std::string& prefix : facts.prefixes_removed_on_entry)
        if (auto rest = take_tag(editor.value(index), prefix)) editor.set_value(index, std::move(*rest));
}

/// The client's own name for itself, with nothing in it that could be read as something else.
std::string safe_helo(std::string_view helo)
{
    std::string safe(helo.substr(0, 255));
    std::ranges::replace_if(
        safe,
        [](char c) {
            const char lower = ascii_lower(c);
            return !((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
                     std::string_view(".-:[]_").find(c) != std::string_view::npos);
        },
        '?');
    return safe.empty() ? "unknown" : safe;
}

std::string_view protocol(const EntryFacts& facts) noexcept
{
    const bool tls = !facts.tls.empty();
    if (facts.smtputf8) return tls ? "UTF8SMTPS" : "UTF8SMTP";  // RFC 6531 section 4.3
    if (!facts.extended) return "SMTP";
    return tls ? "ESMTPS" : "ESMTP";  // RFC 3848
}

std::string received(const EntryFacts& facts)
{
    std::string value = fmt::format("from {} ([{}{}])\r\n\tby {} with {} id {}\r\n\t(", safe_helo(facts.helo),
                                    facts.peer.is_v4() ? "" : "IPv6:", vocabulary::print_ip(facts.peer), facts.node,
                                    protocol(facts), facts.message_id);
    if (!facts.tls.empty()) value += fmt::format("{}; ", facts.tls);
    value += fmt::format("generation {})", facts.generation);
    const mail::Address* to = facts.only_recipient;
    if (to != nullptr && (facts.smtputf8 || !to->needs_utf8())) value += fmt::format("\r\n\tfor <{}>", to->text());
    return value += ";\r\n\t" + to_rfc5322(facts.at);
}

}  // namespace

mail::HeaderEditor on_entry(std::string_view content, const mail::Header& header, const EntryFacts& facts)
{
    mail::HeaderEditor editor(content, header);
    bool has_date = false;
    bool has_message_id = false;
    for (std::size_t i = 0; i < editor.size(); ++i) {
        switch (treatment_of(editor.name(i), facts)) {
            case Treatment::keep:
                break;
            case Treatment::drop:
                editor.remove(i);
                break;
            case Treatment::map_addresses:
                if (facts.sender != nullptr) rewrite_addresses(editor, i, *facts.sender, inside_text);
                break;
            case Treatment::receipt:
                if (facts.sender != nullptr) rewrite_addresses(editor, i, *facts.sender, inside_text);
                if (asks_outside(editor.value(i), nullptr, facts.suffix)) editor.remove(i);
                break;
            case Treatment::judge_results:
                if (is_in_our_name(editor.value(i), facts)) editor.remove(i);
                break;
            case Treatment::untag:
                untag(editor, i, facts);
                break;
            case Treatment::date:
                has_date = true;
                break;
            case Treatment::message_id:
                has_message_id = true;
                break;
        }
    }
    for (std::size_t i = 0; i < editor.size(); ++i)
        for (const auto& [name, value] : facts.list_fields)
            if (iequals(editor.name(i), name)) editor.remove(i);
    for (const auto& [name, value] : facts.list_fields) editor.append(name, value);
    if (!has_date) editor.append("Date", to_rfc5322(facts.at));
    if (!has_message_id) editor.append("Message-ID", fmt::format("<{}@{}>", facts.message_id, facts.node));
    editor.prepend("Received", received(facts));
    return editor;
}

std::vector<std::string> receipts_outside(const mail::Header& header, const vocabulary::Organisation* sender,
                                          std::string_view suffix)
{
    std::vector<std::string> found;
    for (const auto& field : header.fields()) {
        const auto known =
            std::ranges::find_if(treatments, [&](const auto& entry) { return iequals(entry.first, field.name); });
        if (known == treatments.end() || known->second != Treatment::receipt) continue;
        if (asks_outside(field.value, sender, suffix))
            found.push_back(fmt::format("{}: {}", known->first, printable(trim(field.value), 200)));
    }
    return found;
}

namespace {

auto refuse_from(std::string detail, std::string text)
{
    return fault(Retry::never, std::move(detail)).tell_peer(50, {7, 1}, std::move(text));
}

std::string domains_of(const vocabulary::Organisation& of)
{
    std::string names;
    for (std::size_t i = 0; i < of.domains.size() && i < 3; ++i)
        names += (i == 0 ? "" : ", ") + of.domains[i].domain.key();
    return of.domains.size() > 3 ? names + ", ..." : names;
}

}  // namespace

Result<void> check_from(const mail::Header& header, const vocabulary::Organisation& of)
{
    const mail::Field* from = header.find("From");
    if (from == nullptr)
        return refuse_from("no From field", "The message has no From: field; it must name one address of " + of.name);
    if (header.count("From") > 1)
        return refuse_from("several From fields", "The message has more than one From: field; send it with one");
    const mail::AddressList list = mail::find_addresses(from->value);
    if (list.has_group)
        return refuse_from("From is a group", "The From: field holds a group; it must name one address");
    if (list.malformed || list.places.empty())
        return refuse_from(
            "From is malformed",
            "The From: field can't be read as an address; write it as \"Name\" <user@" + domains_of(of) + ">");
    if (list.places.size() > 1)
        return refuse_from("several addresses in From",
                           "The From: field names more than one address; name one, and the others in Reply-To:");
    const mail::Address& author = list.places.front().address;
    if (owns(of, author.domain())) return {};
    return refuse_from(fmt::format("From {} is not of {}", printable(author.text()), of.id),
                       fmt::format("The address {} in From: does not belong to {}; its addresses end in {}",
                                   printable(author.text()), of.name, domains_of(of)));
}

bool is_report_or_auto(const mail::Header& header)
{
    if (const mail::Field* automatic = header.find("Auto-Submitted"))
        if (const std::string token = first_token(automatic->value); !token.empty() && !iequals(token, "no"))
            return true;
    const mail::Field* type = header.find("Content-Type");
    if (type == nullptr) return false;
    constexpr std::array<std::string_view, 6> reports{
        "multipart/report",        "message/delivery-status",        "message/disposition-notification",
        "message/feedback-report", "message/global-delivery-status", "message/global-disposition-notification"};
    const std::string token = first_token(type->value);
    return std::ranges::any_of(reports, [&](std::string_view report) { return iequals(report, token); });
}

}  // namespace postern::transform
