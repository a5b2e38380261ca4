#include "vocabulary/fields.hpp"

#include "base/text.hpp"
#include "vocabulary/findings.hpp"

#include <algorithm>
#include <array>

namespace postern::vocabulary {

namespace {

constexpr std::array<std::string_view, 3> origins{"member", "report", "alert"};
constexpr std::array<std::string_view, 2> kinds{"server", "mailbox"};
constexpr std::array<std::string_view, 7> days{"monday", "tuesday",  "wednesday", "thursday",
                                               "friday", "saturday", "sunday"};
constexpr std::string_view header_prefix = "header.";

constexpr std::array<std::string_view, 3> entry_kinds{"user", "function", "group"};
constexpr std::array<std::string_view, 4> structures{"fine", "malformed", "too_deep", "too_many"};
constexpr bool of_attachment = true;

constexpr std::array table = std::to_array<FieldInfo>({
    {FieldId::connection_address, "connection.address", FieldType::network, Stage::connect,
     "Address that the message came from; matches by network"},
    {FieldId::connection_tls, "connection.tls", FieldType::boolean, Stage::connect, "Whether it came over TLS"},
    {FieldId::connection_listener, "connection.listener", FieldType::text, Stage::connect,
     "Name of the listener in node.yaml that it came in by"},
    {FieldId::origin, "origin", FieldType::word, Stage::connect,
     "Who made the message: a member, Postern as a report, or Postern as an alert", origins},
    {FieldId::time, "time", FieldType::time, Stage::connect,
     "Time of day in UTC, over midnight where the second time is the earlier"},
    {FieldId::time_weekday, "time.weekday", FieldType::word, Stage::connect, "Day of the week in UTC", days},
    {FieldId::time_date, "time.date", FieldType::text, Stage::connect, "Date in UTC, as 2026-12-24"},
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
    {FieldId::recipient_kind, "recipient.kind", FieldType::word, Stage::recipient,
     "What the recipient is in the directory; absent where its member's own server knows it alone", entry_kinds},
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
    {FieldId::recipient_first_contact, "recipient.first_contact", FieldType::boolean, Stage::message,
     "Whether this recipient never got a message from this sender, as far as the ledger goes back"},
    {FieldId::message_size, "message.size", FieldType::size, Stage::message,
     "Bytes of the message as SIZE counts them"},
    {FieldId::message_subject, "message.subject", FieldType::text, Stage::message, "The subject, decoded"},
    {FieldId::message_recipients, "message.recipients", FieldType::number, Stage::message,
     "How many recipients the message has"},
    {FieldId::message_from, "message.from", FieldType::text, Stage::message,
     "Addresses in From, with or without the community's suffix; with several, some address"},
    {FieldId::message_reply_to, "message.reply_to", FieldType::text, Stage::message,
     "Addresses in Reply-To, as they stand; with several, some address"},
    {FieldId::message_to, "message.to", FieldType::text, Stage::message,
     "Addresses in To and Cc, as they stand; with several, some address"},
    {FieldId::message_structure, "message.structure", FieldType::word, Stage::message,
     "How the message is built: fine; malformed, which programs read differently; too_deep or too_many, whose parts "
     "were not all looked at",
     structures},
    {FieldId::message_virus, "message.virus", FieldType::text, Stage::message,
     "Signature of a virus that was found; with several, some signature"},
    {FieldId::message_unscannable, "message.unscannable", FieldType::word, Stage::message,
     "What kept the scanner from looking into it to the end; with several, some reason", obstacle_names},
    {FieldId::attachment_count, "attachment.count", FieldType::number, Stage::message,
     "How many attachments the message has"},
    {FieldId::attachment_name,
     "attachment.name",
     FieldType::text,
     Stage::message,
     "File name of an attachment, decoded, without folders",
     {},
     of_attachment},
    {FieldId::attachment_type,
     "attachment.type",
     FieldType::text,
     Stage::message,
     "Media type that the message declares for an attachment: application/pdf",
     {},
     of_attachment},
    {FieldId::attachment_detected_type,
     "attachment.detected_type",
     FieldType::text,
     Stage::message,
     "Media type of an attachment by what it holds, as libmagic sees it",
     {},
     of_attachment},
    {FieldId::attachment_size,
     "attachment.size",
     FieldType::size,
     Stage::message,
     "Bytes of an attachment, decoded",
     {},
     of_attachment},
    {FieldId::attachment_sha256,
     "attachment.sha256",
     FieldType::text,
     Stage::message,
     "SHA-256 of an attachment, decoded; hexadecimal",
     {},
     of_attachment},
    {FieldId::attachment_member,
     "attachment.member",
     FieldType::text,
     Stage::message,
     "Name of a file in an attached archive; with several, some name",
     {},
     of_attachment},
    {FieldId::attachment_encrypted,
     "attachment.encrypted",
     FieldType::boolean,
     Stage::message,
     "Whether an attachment can't be looked into without a password",
     {},
     of_attachment},
    {FieldId::attachment_broken,
     "attachment.broken",
     FieldType::boolean,
     Stage::message,
     "Whether an attached archive ends or breaks within",
     {},
     of_attachment},
    {FieldId::attachment_macros,
     "attachment.macros",
     FieldType::boolean,
     Stage::message,
     "Whether an attached document carries macros",
     {},
     of_attachment},
    {FieldId::header, "header.NAME", FieldType::text, Stage::message,
     "Value of the header field of that name, decoded; with several, some value"},
});

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
