// The edits of one delivery, on a copy of those that all deliveries share.
#include "transform/delivery.hpp"

#include "base/text.hpp"
#include "transform/addresses.hpp"
#include "transform/entry.hpp"
#include "transform/mapping.hpp"
#include "transform/subject.hpp"

#include <algorithm>
#include <array>

namespace postern::transform {

namespace {

/// Fields that name recipients: here a member's own people read addresses as they know them.
constexpr std::array<std::string_view, 4> recipient_fields{"To", "Cc", "Resent-To", "Resent-Cc"};

void strip_suffix(mail::HeaderEditor& editor, const vocabulary::Organisation& recipient)
{
    for (std::size_t i = 0; i < editor.size(); ++i) {
        if (editor.removed(i)) continue;
        const std::string_view name = editor.name(i);
        if (std::ranges::any_of(recipient_fields, [&](std::string_view field) { return iequals(field, name); }))
            rewrite_addresses(editor, i, recipient, outside_text);
    }
}

void tag_subject(mail::HeaderEditor& editor, const std::vector<std::size_t>& subjects, const Tag& tag)
{
    for (const std::size_t i : subjects) {
        const std::string_view value = editor.value(i);
        if (tag.once && carries_tag(value, tag.subject_prefix)) continue;
        editor.set_value(i, put_tag(value, tag.subject_prefix));
    }
}

/// Fields that tags add, in order; they stand in front of the message's own, the last one first.
using Added = std::vector<std::pair<std::string_view, std::string_view>>;

void take_away(mail::HeaderEditor& editor, Added& added, std::string_view name)
{
    for (const std::size_t i : editor.find(name)) editor.remove(i);
    std::erase_if(added, [&](const auto& field) { return iequals(field.first, name); });
}

void obey(mail::HeaderEditor& editor, Added& added, const Tag& tag)
{
    for (const std::string& name : tag.remove_headers) take_away(editor, added, name);
    for (const auto& [name, value] : tag.replace_headers) take_away(editor, added, name);
    for (const auto& [name, value] : tag.replace_headers) added.emplace_back(name, value);
    for (const auto& [name, value] : tag.add_headers) added.emplace_back(name, value);
}

/// Tags on a message without a Subject: one field with the prefixes, the last one first as in any other subject.
void add_subject(mail::HeaderEditor& editor, std::span<const Tag> tags)
{
    std::string value;
    for (const Tag& tag : tags) {
        if (tag.subject_prefix.empty() || (tag.once && carries_tag(value, tag.subject_prefix))) continue;
        value = put_tag(value, tag.subject_prefix);
    }
    if (!value.empty()) editor.append("Subject", value);
}

}  // namespace

mail::HeaderEditor for_delivery(const mail::HeaderEditor& entry, const DeliveryFacts& facts)
{
    mail::HeaderEditor editor = entry;
    if (facts.recipient != nullptr && facts.recipient->kind == vocabulary::Kind::server)
        strip_suffix(editor, *facts.recipient);

    Added added;
    for (const Tag& tag : facts.tags) obey(editor, added, tag);
    const auto subjects = facts.tags.empty() ? std::vector<std::size_t>{} : editor.find("Subject");
    for (const Tag& tag : facts.tags)
        if (!tag.subject_prefix.empty()) tag_subject(editor, subjects, tag);
    for (const auto& [name, value] : added) editor.prepend(name, value);
    if (subjects.empty()) add_subject(editor, facts.tags);
    if (!facts.trace.empty()) editor.prepend(trace_field, facts.trace);
    return editor;
}

}  // namespace postern::transform
