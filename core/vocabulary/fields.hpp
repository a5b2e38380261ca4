// The one table of what conditions can ask: field, type, stage, description.
//
// policy/ reads and evaluates by it, the JSON Schemas and the reference are made from it. Immutable; all threads.
#pragma once

#include "vocabulary/facts.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::vocabulary {

/// One for each line of the table; `header` stands for header.NAME with any name.
enum class FieldId {
    connection_address,
    connection_tls,
    connection_listener,
    origin,
    time,
    time_weekday,
    time_date,
    sender_address,
    sender_domain,
    sender_organisation,
    sender_organisation_kind,
    sender_organisation_kind_of_body,
    sender_organisation_role,
    recipient_address,
    recipient_domain,
    recipient_inside,
    recipient_kind,
    recipient_function,
    recipient_organisation,
    recipient_organisation_kind,
    recipient_organisation_kind_of_body,
    recipient_organisation_role,
    recipient_first_contact,
    message_size,
    message_subject,
    message_recipients,
    message_from,
    message_reply_to,
    message_to,
    message_structure,
    message_virus,
    message_unscannable,
    attachment_count,
    attachment_name,
    attachment_type,
    attachment_detected_type,
    attachment_size,
    attachment_sha256,
    attachment_member,
    attachment_encrypted,
    attachment_broken,
    attachment_macros,
    header,
};

/// What a value may be. text: glob or /regular expression/; word: one of a fixed set; role: a word that some
/// organisation declares; organisation: an id, checked at load; number: a count.
enum class FieldType { text, size, number, time, word, role, network, organisation, boolean };

struct FieldInfo {
    FieldId id;
    std::string_view name;
    FieldType type;
    Stage from;  ///< exists from this stage on; asking earlier is an error at load
    std::string_view description;
    std::span<const std::string_view> words = {};  ///< for type word
    bool of_attachment = false;                    ///< speaks of one attachment: clauses of one map mean the same one
};

/// In the order of the reference.
[[nodiscard]] std::span<const FieldInfo> fields() noexcept;
/// "header.X-Anything" finds the line of header; null if there is no such field.
[[nodiscard]] const FieldInfo* find_field(std::string_view name) noexcept;
/// All names, with "header.NAME" for headers: for "did you mean".
[[nodiscard]] std::vector<std::string> field_names();
/// "connect", "sender", "recipient", "message", "delivery".
[[nodiscard]] std::string_view stage_name(Stage stage) noexcept;
/// Monday is 0.
[[nodiscard]] std::span<const std::string_view> weekdays() noexcept;

}  // namespace postern::vocabulary
