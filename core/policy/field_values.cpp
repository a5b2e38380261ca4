#include "policy/field_values.hpp"

#include "base/text.hpp"

#include <chrono>

namespace postern::policy {

namespace {

using vocabulary::Facts;
using vocabulary::FieldId;
using vocabulary::Organisation;
using Matches = std::function<bool(std::string_view)>;

/// A field with at most one value; empty is absent.
Seen one(std::string_view value, const Matches& matches)
{
    if (value.empty()) return Seen::absent;
    return matches(value) ? Seen::yes : Seen::no;
}

/// The domain outside the community that stands for this one inside, or null.
const mail::Domain* outside_of(const mail::Domain& inside, const Organisation* organisation)
{
    if (organisation == nullptr) return nullptr;
    for (const auto& mapped : organisation->domains)
        if (mapped.secure == inside && !(mapped.domain == inside)) return &mapped.domain;
    return nullptr;
}

Seen address(const mail::Address* address, const Organisation* organisation, const Matches& matches)
{
    if (address == nullptr) return Seen::absent;
    if (matches(address->text())) return Seen::yes;
    const auto* outside = outside_of(address->domain(), organisation);
    return outside != nullptr && matches(address->at(*outside).text()) ? Seen::yes : Seen::no;
}

Seen domain(const mail::Address* address, const Organisation* organisation, const Matches& matches)
{
    if (address == nullptr) return Seen::absent;
    if (matches(address->domain().text())) return Seen::yes;
    const auto* outside = outside_of(address->domain(), organisation);
    return outside != nullptr && matches(outside->text()) ? Seen::yes : Seen::no;
}

Seen roles(const Organisation* organisation, const Matches& matches)
{
    if (organisation == nullptr || organisation->roles.empty()) return Seen::absent;
    for (const auto& role : organisation->roles)
        if (matches(role)) return Seen::yes;
    return Seen::no;
}

std::string_view kind(const Organisation* organisation)
{
    if (organisation == nullptr) return {};
    return organisation->kind == vocabulary::Kind::server ? "server" : "mailbox";
}

Seen headers(std::string_view name, const Facts& facts, const Matches& matches)
{
    if (facts.header == nullptr) return Seen::absent;
    auto seen = Seen::absent;
    for (const auto& field : facts.header->fields()) {
        if (!iequals(field.name, name)) continue;
        if (matches(mail::decode_text(field.value))) return Seen::yes;
        seen = Seen::no;
    }
    return seen;
}

std::string_view origin(vocabulary::Origin origin)
{
    switch (origin) {
        case vocabulary::Origin::member:
            return "member";
        case vocabulary::Origin::report:
            return "report";
        case vocabulary::Origin::alert:
            return "alert";
    }
    return {};
}

std::string_view weekday(Instant at)
{
    const std::chrono::weekday day{std::chrono::floor<std::chrono::days>(at)};
    return vocabulary::weekdays()[day.iso_encoding() - 1];
}

}  // namespace

Seen some_text(FieldId field, std::string_view header, const Facts& facts, const Matches& matches)
{
    const auto* sender = facts.sender_organisation;
    const auto* recipient = facts.recipient_organisation;
    switch (field) {
        case FieldId::origin:
            return one(origin(facts.origin), matches);
        case FieldId::time_weekday:
            return one(weekday(facts.time), matches);
        case FieldId::sender_address:
            return address(facts.sender, sender, matches);
        case FieldId::sender_domain:
            return domain(facts.sender, sender, matches);
        case FieldId::sender_organisation:
            return one(sender ? std::string_view(sender->id) : "", matches);
        case FieldId::sender_organisation_kind:
            return one(kind(sender), matches);
        case FieldId::sender_organisation_kind_of_body:
            return one(sender ? std::string_view(sender->kind_of_body) : "", matches);
        case FieldId::sender_organisation_role:
            return roles(sender, matches);
        case FieldId::recipient_address:
            return address(facts.recipient, recipient, matches);
        case FieldId::recipient_domain:
            return domain(facts.recipient, recipient, matches);
        case FieldId::recipient_function:
            return one(facts.recipient_function, matches);
        case FieldId::recipient_organisation:
            return one(recipient ? std::string_view(recipient->id) : "", matches);
        case FieldId::recipient_organisation_kind:
            return one(kind(recipient), matches);
        case FieldId::recipient_organisation_kind_of_body:
            return one(recipient ? std::string_view(recipient->kind_of_body) : "", matches);
        case FieldId::recipient_organisation_role:
            return roles(recipient, matches);
        case FieldId::message_subject:
            return headers("Subject", facts, matches);
        case FieldId::header:
            return headers(header, facts, matches);
        default:
            return Seen::absent;
    }
}

std::optional<bool> truth_of(FieldId field, const Facts& facts) noexcept
{
    if (field == FieldId::connection_tls) return facts.peer ? std::optional(facts.tls) : std::nullopt;
    if (field == FieldId::recipient_inside) return facts.recipient_inside;
    return {};
}

std::string text_of(const vocabulary::FieldInfo& field, std::string_view header, const Facts& facts)
{
    switch (field.id) {
        case FieldId::connection_address:
            return facts.peer ? vocabulary::print_ip(*facts.peer) : "";
        case FieldId::time:
            return to_iso8601(facts.time);
        case FieldId::message_size:
            return facts.size ? std::to_string(*facts.size) : "";
        case FieldId::connection_tls:
        case FieldId::recipient_inside: {
            const auto truth = truth_of(field.id, facts);
            return !truth ? "" : *truth ? "true" : "false";
        }
        default:
            break;
    }
    std::string text;
    static_cast<void>(some_text(field.id, header, facts, [&](std::string_view value) {
        text = value;
        return true;
    }));
    return text;
}

}  // namespace postern::policy
