#include "vocabulary/fields.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace postern::vocabulary {

namespace {

constexpr std::array<std::string_view, 3> origins{"member", "report", "alert"};
constexpr std::array<std::string_view, 2> kinds{"server", "mailbox"};
constexpr std::array<std::string_view, 7> days{"monday", "tuesday",  "wednesday", "thursday",
                                               "friday", "saturday", "sunday"};
constexpr std::string_view header_prefix = "header.";

constexpr std::array<FieldInfo, 22> table{{
    {FieldId::connection_address, "connection.address", FieldType::network, Stage::connect,
     "Address that the message came from; matches by network"},
    {FieldId::connection_tls, "connection.tls", FieldType::boolean, Stage::connect, "Whether it came over TLS"},
    {FieldId::origin, "origin", FieldType::word, Stage::connect,
     "Who made the message: a member, Postern as a report, or Postern as an alert", origins},
    {FieldId::time, "time", FieldType::time, Stage::connect,
     "Time of day in UTC, over midnight where the second time is the earlier"},
    {FieldId::time_weekday, "time.weekday", FieldType::word, Stage::connect, "Day of the week in UTC", days},
    {FieldId::sender_address, "sender.address", FieldType::text, Stage::sender,
     "Envelope sender, with or without the community's suffix; absent for reports"},
    {FieldId::sender_domain, "sender.domain", FieldType::text, Stage::sender,
     "Domain of the envelope sender, with or without the community's suffix"},
    {FieldId::sender_organisation, "sender.organisation", FieldType::organisation, Stage::sender,
     "The sending member, by id"},
    {FieldId::sender_organisation_kind, "sender.organisation.kind", FieldType::word, Stage::sender,
     "Whether the sending member has its own server or is hosted here", kinds},
    {FieldId::sender_organisation_kind_of_body, "sender.organisation.kind_of_body", FieldType::text, Stage::sender,
     "What the sending member is, as its file says: court, police, charity"},
    {FieldId::sender_organisation_role, "sender.organisation.role", FieldType::role, Stage::sender,
     "A role that the sending member's file gives it"},
    {FieldId::recipient_address, "recipient.address", FieldType::text, Stage::recipient,
     "The recipient, with or without the community's suffix"},
    {FieldId::recipient_domain, "recipient.domain", FieldType::text, Stage::recipient,
     "Domain of the recipient, with or without the community's suffix"},
    {FieldId::recipient_inside, "recipient.inside", FieldType::boolean, Stage::recipient,
     "Whether the recipient is a member's, addressed inside the community"},
    {FieldId::recipient_function, "recipient.function", FieldType::text, Stage::recipient,
     "The desk's function in the directory; absent for persons"},
    {FieldId::recipient_organisation, "recipient.organisation", FieldType::organisation, Stage::recipient,
     "The receiving member, by id"},
    {FieldId::recipient_organisation_kind, "recipient.organisation.kind", FieldType::word, Stage::recipient,
     "Whether the receiving member has its own server or is hosted here", kinds},
    {FieldId::recipient_organisation_kind_of_body, "recipient.organisation.kind_of_body", FieldType::text,
     Stage::recipient, "What the receiving member is, as its file says: court, police, charity"},
    {FieldId::recipient_organisation_role, "recipient.organisation.role", FieldType::role, Stage::recipient,
     "A role that the receiving member's file gives it"},
    {FieldId::message_size, "message.size", FieldType::size, Stage::message,
     "Bytes of the message as SIZE counts them"},
    {FieldId::message_subject, "message.subject", FieldType::text, Stage::message, "The subject, decoded"},
    {FieldId::header, "header.NAME", FieldType::text, Stage::message,
     "Value of the header field of that name, decoded; with several, some value"},
}};

}  // namespace

std::span<const FieldInfo> fields() noexcept
{
    return table;
}

const FieldInfo* find_field(std::string_view name) noexcept
{
    if (name.size() > header_prefix.size() && name.starts_with(header_prefix)) return &table.back();
    const auto found = std::ranges::find(table, name, &FieldInfo::name);
    return found == table.end() || found->id == FieldId::header ? nullptr : &*found;
}

std::vector<std::string> field_names()
{
    std::vector<std::string> names;
    for (const auto& field : table) names.emplace_back(field.name);
    return names;
}

std::string_view stage_name(Stage stage) noexcept
{
    switch (stage) {
        case Stage::connect:
            return "connect";
        case Stage::sender:
            return "sender";
        case Stage::recipient:
            return "recipient";
        case Stage::message:
            return "message";
        case Stage::delivery:
            return "delivery";
    }
    return "?";
}

std::span<const std::string_view> weekdays() noexcept
{
    return days;
}

}  // namespace postern::vocabulary
