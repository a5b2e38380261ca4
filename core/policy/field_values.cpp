#include "policy/field_values.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <chrono>

namespace postern::policy {

namespace {

using vocabulary::Facts;
using vocabulary::FieldId;
using vocabulary::FieldInfo;
using vocabulary::FieldType;
using vocabulary::Organisation;

constexpr std::size_t most_shown = 5;
constexpr std::size_t longest_shown = 80;

/// The domain outside the community that stands for this one inside, or null.
const mail::Domain* outside_of(const mail::Domain& inside, const Organisation* organisation)
{
    if (organisation == nullptr) return nullptr;
    for (const auto& mapped : organisation->domains)
        if (mapped.secure == inside && !(mapped.domain == inside)) return &mapped.domain;
    return nullptr;
}

/// The domain inside the community that stands for this one outside, or null.
const mail::Domain* inside_of(const mail::Domain& outside, const Organisation* organisation)
{
    if (organisation == nullptr) return nullptr;
    for (const auto& mapped : organisation->domains)
        if (mapped.domain == outside && !(mapped.secure == outside)) return &mapped.secure;
    return nullptr;
}

std::string_view kind(const Organisation* organisation)
{
    if (organisation == nullptr) return {};
    return organisation->kind == vocabulary::Kind::server ? "server" : "mailbox";
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

std::uint64_t minute_of_day(Instant at)
{
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<minutes>(at - floor<days>(at)).count());
}

Reading truth_reading(std::optional<bool> truth)
{
    Reading reading;
    reading.truth = truth;
    return reading;
}

Reading number_reading(std::optional<std::uint64_t> number)
{
    Reading reading;
    reading.number = number;
    return reading;
}

bool has_upper(std::string_view text)
{
    return std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// What only the header section shows.
bool is_of_header(FieldId field)
{
    switch (field) {
        case FieldId::message_subject:
        case FieldId::message_from:
        case FieldId::message_reply_to:
        case FieldId::message_to:
        case FieldId::header:
            return true;
        default:
            return false;
    }
}

std::size_t attachment_slot(FieldId field)
{
    switch (field) {
        case FieldId::attachment_name:
            return 0;
        case FieldId::attachment_type:
            return 1;
        case FieldId::attachment_detected_type:
            return 2;
        case FieldId::attachment_sha256:
            return 3;
        default:
            return 4;
    }
}

std::string one_value(const FieldInfo& field, const Reading& reading)
{
    if (!reading.texts.empty()) return std::string(reading.texts.front().text);
    if (reading.truth) return *reading.truth ? "true" : "false";
    if (reading.ip != nullptr) return vocabulary::print_ip(*reading.ip);
    if (!reading.number) return {};
    if (field.type == FieldType::size) return vocabulary::print_size(*reading.number);
    return std::to_string(*reading.number);
}

}  // namespace

FieldValues::FieldValues(const Facts& facts) : facts_(facts) {}

std::string_view FieldValues::keep(std::string text)
{
    return kept_.emplace_back(std::move(text));
}

void FieldValues::add(std::string_view text, Texts& into)
{
    if (text.empty()) return;
    into.push_back({text, has_upper(text) ? keep(to_lower(text)) : text});
}

void FieldValues::add_address(const mail::Address* address, const Organisation* organisation, Texts& into)
{
    if (address == nullptr) return;
    add(address->text(), into);
    if (const auto* outside = outside_of(address->domain(), organisation))
        add(keep(address->at(*outside).text()), into);
}

void FieldValues::add_domain(const mail::Address* address, const Organisation* organisation, Texts& into)
{
    if (address == nullptr) return;
    add(address->domain().text(), into);
    if (const auto* outside = outside_of(address->domain(), organisation)) add(outside->text(), into);
}

void FieldValues::add_addresses(std::string_view header, bool own_in_both_forms, Texts& into)
{
    if (facts_.header == nullptr) return;
    for (const auto& field : facts_.header->fields()) {
        if (!iequals(field.name, header)) continue;
        for (const auto& place : mail::find_addresses(field.value).places) {
            add(keep(place.address.text()), into);
            if (!own_in_both_forms) continue;
            const auto* organisation = facts_.sender_organisation;
            const auto* other = outside_of(place.address.domain(), organisation);
            if (other == nullptr) other = inside_of(place.address.domain(), organisation);
            if (other != nullptr) add(keep(place.address.at(*other).text()), into);
        }
    }
}

void FieldValues::fill(FieldId field, Texts& into)
{
    const auto* sender = facts_.sender_organisation;
    const auto* recipient = facts_.recipient_organisation;
    const auto roles = [&](const Organisation* organisation) {
        if (organisation != nullptr)
            for (const auto& role : organisation->roles) add(role, into);
    };
    switch (field) {
        case FieldId::connection_listener:
            return add(facts_.listener, into);
        case FieldId::origin:
            return add(origin(facts_.origin), into);
        case FieldId::time_weekday:
            return add(weekday(facts_.time), into);
        case FieldId::time_date:
            return add(keep(to_iso8601(facts_.time).substr(0, 10)), into);
        case FieldId::sender_address:
            return add_address(facts_.sender, sender, into);
        case FieldId::sender_domain:
            return add_domain(facts_.sender, sender, into);
        case FieldId::sender_organisation:
            return add(sender ? std::string_view(sender->id) : "", into);
        case FieldId::sender_organisation_kind:
            return add(kind(sender), into);
        case FieldId::sender_organisation_kind_of_body:
            return add(sender ? std::string_view(sender->kind_of_body) : "", into);
        case FieldId::sender_organisation_role:
            return roles(sender);
        case FieldId::recipient_address:
            return add_address(facts_.recipient, recipient, into);
        case FieldId::recipient_domain:
            return add_domain(facts_.recipient, recipient, into);
        case FieldId::recipient_kind:
            return add(facts_.recipient_kind, into);
        case FieldId::recipient_function:
            return add(facts_.recipient_function, into);
        case FieldId::recipient_organisation:
            return add(recipient ? std::string_view(recipient->id) : "", into);
        case FieldId::recipient_organisation_kind:
            return add(kind(recipient), into);
        case FieldId::recipient_organisation_kind_of_body:
            return add(recipient ? std::string_view(recipient->kind_of_body) : "", into);
        case FieldId::recipient_organisation_role:
            return roles(recipient);
        case FieldId::message_from:
            return add_addresses("From", true, into);
        case FieldId::message_reply_to:
            return add_addresses("Reply-To", false, into);
        case FieldId::message_to:
            add_addresses("To", false, into);
            return add_addresses("Cc", false, into);
        case FieldId::message_structure:
            if (facts_.structure->malformed) add("malformed", into);
            if (facts_.structure->too_deep) add("too_deep", into);
            if (facts_.structure->too_many) add("too_many", into);
            return into.empty() ? add("fine", into) : void();
        case FieldId::message_virus:
            for (const auto& virus : facts_.inspection->viruses) add(virus.signature, into);
            return;
        case FieldId::message_unscannable:
            for (const auto& reason : facts_.inspection->unscannable) add(reason, into);
            return;
        default:
            return;
    }
}

Reading FieldValues::texts(FieldId field)
{
    auto& cached = texts_[static_cast<std::size_t>(field)];
    if (!cached) fill(field, cached.emplace());
    Reading reading;
    reading.texts = *cached;
    return reading;
}

void FieldValues::list_header()
{
    if (header_listed_ || facts_.header == nullptr) return;
    header_listed_ = true;
    for (const auto& field : facts_.header->fields()) header_names_.push_back({to_lower(field.name), &field});
    std::ranges::stable_sort(header_names_, {}, &Named::lower);
}

std::vector<std::string_view> FieldValues::header_names()
{
    list_header();
    std::vector<std::string_view> names;
    for (const auto& named : header_names_) names.emplace_back(named.lower);
    return names;
}

const FieldValues::Texts& FieldValues::header_texts(std::string_view name)
{
    const auto [found, fresh] = headers_.try_emplace(name);
    if (!fresh || facts_.header == nullptr) return found->second;
    list_header();
    const auto lower = to_lower(name);
    for (const auto& named : std::ranges::equal_range(header_names_, lower, {}, &Named::lower))
        add(keep(mail::decode_text(named.field->value)), found->second);
    return found->second;
}

/// What the ledger kept of a field.
Reading FieldValues::remembered(const FieldInfo& field, const std::vector<std::string>& values)
{
    Reading reading;
    if (values.empty()) return reading;
    switch (field.type) {
        case FieldType::size:
        case FieldType::number: {
            std::uint64_t number = 0;
            const auto& text = values.front();
            if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{})
                return Reading::unknown();
            return number_reading(number);
        }
        case FieldType::boolean:
            return truth_reading(values.front() == "true");
        case FieldType::network:
        case FieldType::time:
            return Reading::unknown();  // the ledger has these itself
        default:
            break;
    }
    auto& texts = remembered_.emplace_back();
    for (const auto& value : values) add(value, texts);
    reading.texts = texts;
    return reading;
}

void FieldValues::list_attachments()
{
    attachments_listed_ = true;
    if (facts_.recorded != nullptr) {
        for (const auto& attachment : *facts_.recorded->attachments)
            attachments_.push_back({nullptr, nullptr, &attachment, {}});
        return;
    }
    const auto& parts = facts_.structure->parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].attachment) continue;
        const auto* inspection = facts_.inspection;
        const bool seen = inspection != nullptr && i < inspection->parts.size();
        attachments_.push_back({&parts[i], seen ? &inspection->parts[i] : nullptr, nullptr, {}});
    }
}

std::optional<std::size_t> FieldValues::attachments()
{
    const bool listed =
        facts_.recorded != nullptr ? facts_.recorded->attachments.has_value() : facts_.structure != nullptr;
    if (!listed) return {};
    if (!attachments_listed_) list_attachments();
    return attachments_.size();
}

bool FieldValues::has_unlisted_parts() const noexcept
{
    if (facts_.recorded != nullptr) return facts_.recorded->unlisted;
    return facts_.structure != nullptr && (facts_.structure->too_deep || facts_.structure->too_many);
}

const FieldValues::Texts& FieldValues::attachment_texts(FieldId field, Attachment& attachment)
{
    auto& cached = attachment.texts[attachment_slot(field)];
    if (cached) return *cached;
    auto& texts = cached.emplace();
    switch (field) {
        case FieldId::attachment_name:
            add(attachment.part->name, texts);
            break;
        case FieldId::attachment_type:
            add(attachment.part->type, texts);
            break;
        case FieldId::attachment_sha256:
            add(attachment.part->sha256, texts);
            break;
        case FieldId::attachment_detected_type:
            add(attachment.seen->detected_type, texts);
            break;
        default:
            for (const auto& member : attachment.seen->members) add(member, texts);
            break;
    }
    return texts;
}

Reading FieldValues::read_of(const FieldInfo& field, std::size_t index)
{
    if (!attachments()) return Reading::unknown();
    if (index >= attachments_.size()) return {};
    auto& attachment = attachments_[index];
    if (attachment.recorded != nullptr) {
        const auto kept = attachment.recorded->find(field.name);
        return kept == attachment.recorded->end() ? Reading::unknown() : remembered(field, kept->second);
    }
    switch (field.id) {
        case FieldId::attachment_size:
            return number_reading(attachment.part->size);
        case FieldId::attachment_sha256:
            if (attachment.part->sha256.empty()) return Reading::unknown();
            break;
        case FieldId::attachment_detected_type:
            if (attachment.seen == nullptr || attachment.seen->detected_type.empty()) return Reading::unknown();
            break;
        case FieldId::attachment_member:
            if (attachment.seen == nullptr) return Reading::unknown();
            break;
        case FieldId::attachment_encrypted:
            return attachment.seen == nullptr ? Reading::unknown() : truth_reading(attachment.seen->encrypted);
        case FieldId::attachment_broken:
            return attachment.seen == nullptr ? Reading::unknown() : truth_reading(attachment.seen->broken);
        case FieldId::attachment_macros:
            return attachment.seen == nullptr ? Reading::unknown() : truth_reading(attachment.seen->macros);
        default:
            break;
    }
    Reading reading;
    reading.texts = attachment_texts(field.id, attachment);
    return reading;
}

Reading FieldValues::read(const FieldInfo& field, std::string_view header)
{
    if (facts_.stage < field.from) return Reading::unknown();
    if (facts_.recorded != nullptr && field.id != FieldId::attachment_count) {
        const auto& kept = facts_.recorded->fields;
        const auto found =
            kept.find(field.id == FieldId::header ? "header." + to_lower(header) : std::string(field.name));
        if (found != kept.end()) return remembered(field, found->second);
    }
    if (is_of_header(field.id) && facts_.stage == vocabulary::Stage::message && facts_.header == nullptr)
        return Reading::unknown();  // a message whose content is gone
    switch (field.id) {
        case FieldId::connection_address: {
            Reading reading;
            reading.ip = facts_.peer ? &*facts_.peer : nullptr;
            return reading;
        }
        case FieldId::connection_tls:
            return truth_reading(facts_.peer ? std::optional(facts_.tls) : std::nullopt);
        case FieldId::time:
            return number_reading(minute_of_day(facts_.time));
        case FieldId::recipient_inside:
            return truth_reading(facts_.recipient_inside);
        case FieldId::recipient_first_contact:
            return facts_.first_contact ? truth_reading(facts_.first_contact) : Reading::unknown();
        case FieldId::message_size:
            return number_reading(facts_.size);
        case FieldId::message_recipients:
            return facts_.recipients ? number_reading(*facts_.recipients) : Reading::unknown();
        case FieldId::message_structure:
            return facts_.structure == nullptr ? Reading::unknown() : texts(field.id);
        case FieldId::message_virus:
        case FieldId::message_unscannable:
            return facts_.inspection == nullptr ? Reading::unknown() : texts(field.id);
        case FieldId::attachment_count:
            return !attachments() || has_unlisted_parts() ? Reading::unknown() : number_reading(*attachments());
        case FieldId::message_subject: {
            Reading reading;
            reading.texts = header_texts("Subject");
            return reading;
        }
        case FieldId::header: {
            Reading reading;
            reading.texts = header_texts(header);
            return reading;
        }
        default:
            return field.of_attachment ? read_of(field, matched.attachment.value_or(0)) : texts(field.id);
    }
}

std::string FieldValues::text_of(const FieldInfo& field, std::string_view header)
{
    if (field.id == FieldId::time) return to_iso8601(facts_.time);
    if (field.id == FieldId::attachment_member && !matched.member.empty()) return std::string(matched.member);
    return one_value(field, read(field, header));
}

std::string FieldValues::shown(const FieldInfo& field, std::string_view header)
{
    if (field.id == FieldId::time && facts_.stage >= field.from) return to_iso8601(facts_.time).substr(11, 5);
    std::vector<std::string> values;
    std::size_t more = 0;
    const auto take = [&](const Reading& reading) {
        if (!reading.known) return values.emplace_back("not known"), void();
        if (reading.texts.empty() && !reading.is_absent()) values.push_back(one_value(field, reading));
        for (const auto& text : reading.texts)
            if (values.size() < most_shown)
                values.push_back(printable(text.text, longest_shown));
            else
                ++more;
    };
    if (!field.of_attachment || !attachments() || facts_.stage < field.from) {
        take(read(field, header));
    } else {
        for (std::size_t i = 0; i < *attachments() && values.size() < most_shown; ++i) take(read_of(field, i));
        if (has_unlisted_parts()) values.emplace_back("and parts that were not looked at");
    }
    if (values.empty()) return "absent";
    const auto rest = more > 0 ? fmt::format(" and {} more", more) : std::string{};
    return fmt::format("{}{}", fmt::join(values, ", "), rest);
}

}  // namespace postern::policy
