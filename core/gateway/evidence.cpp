#include "gateway/evidence.hpp"

#include "base/digest.hpp"
#include "base/text.hpp"
#include "gateway/facts.hpp"
#include "policy/field_values.hpp"
#include "vocabulary/fields.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace postern::gateway {

namespace {

namespace json = boost::json;

using vocabulary::FieldId;
using vocabulary::FieldInfo;
using vocabulary::Stage;

constexpr std::size_t most_values = 20;
constexpr std::size_t most_attachments = 20;
constexpr std::size_t longest_value = 1000;

/// A whole value is worth deciding by; one that had to be cut is kept as a digest.
bool fits(const policy::Reading& reading)
{
    return reading.texts.size() <= most_values && std::ranges::all_of(reading.texts, [](const auto& value) {
               return printable(value.text, longest_value) == value.text;
           });
}

json::array array_of(const policy::Reading& reading, bool in_words)
{
    json::array array;
    const auto put = [&](std::string_view text, std::string_view lower) {
        if (array.size() < most_values)
            array.emplace_back(in_words ? printable(text, longest_value) : sha256_hex(lower));
    };
    for (const auto& value : reading.texts) put(value.text, value.lower);
    std::string one;
    if (reading.number) one = std::to_string(*reading.number);
    if (reading.truth) one = *reading.truth ? "true" : "false";
    if (reading.ip != nullptr) one = vocabulary::print_ip(*reading.ip);
    if (!one.empty()) put(one, one);
    return array;
}

/// Values of the message, or of one attachment, as they are collected.
class Sheet {
public:
    void keep(const std::string& name, const policy::Reading& reading, bool in_words)
    {
        if (!reading.known)
            unknown_.emplace_back(name);
        else if (in_words && fits(reading))
            words_[name] = array_of(reading, true);
        else
            digests_[name] = array_of(reading, false);
    }

    [[nodiscard]] json::object done() &&
    {
        json::object object;
        if (!words_.empty()) object["values"] = std::move(words_);
        if (!digests_.empty()) object["digests"] = std::move(digests_);
        if (!unknown_.empty()) object["unknown"] = std::move(unknown_);
        return object;
    }

private:
    json::object words_, digests_;
    json::array unknown_;
};

/// A field that is to be kept, and how.
struct Wanted {
    std::string name;  ///< as conditions write it, in lower case
    const FieldInfo* field = nullptr;
    std::string header;
    bool in_words = false;
};

/// What can't be had from the ledger and the generation later: what the message and its connection were like.
bool is_worth_keeping(const FieldInfo& field)
{
    return field.from == Stage::message || field.id == FieldId::connection_listener ||
           field.id == FieldId::connection_tls;
}

std::vector<Wanted> wanted_by(const policy::Keeping& keeping)
{
    std::vector<Wanted> all;
    const auto want = [&](const std::string& name, bool in_words) {
        const auto* field = vocabulary::find_field(name);
        if (field == nullptr || !is_worth_keeping(*field)) return;
        auto lower = to_lower(name);
        if (std::ranges::find(all, lower, &Wanted::name) != all.end()) return;
        constexpr std::string_view prefix = "header.";
        auto header = field->id == FieldId::header ? name.substr(prefix.size()) : std::string{};
        all.push_back({std::move(lower), field, std::move(header), in_words || field->from != Stage::message});
    };
    for (const auto& name : keeping.record) want(name, true);
    for (const auto& name : keeping.asked) want(name, false);
    return all;
}

json::array attachments_of(const std::vector<Wanted>& wanted, policy::FieldValues& values)
{
    json::array array;
    for (std::size_t i = 0; i < std::min(*values.attachments(), most_attachments); ++i) {
        Sheet sheet;
        for (const auto& one : wanted)
            if (one.field->of_attachment) sheet.keep(one.name, values.read_of(*one.field, i), one.in_words);
        array.push_back(std::move(sheet).done());
    }
    return array;
}

vocabulary::Recorded::Fields fields_in(const json::object& sheet)
{
    vocabulary::Recorded::Fields fields;
    const auto each = [&](const char* part, auto take) {
        const auto* object = sheet.if_contains(part);
        if (object == nullptr || !object->is_object()) return;
        for (const auto& [name, list] : object->get_object())
            if (list.is_array()) take(std::string(name), list.get_array());
    };
    each("values", [&](std::string name, const json::array& list) {
        auto& values = fields[std::move(name)];
        for (const auto& value : list)
            if (value.is_string()) values.emplace_back(value.get_string());
    });
    each("digests", [&](std::string name, const json::array& list) {
        if (list.empty()) fields[std::move(name)];
    });
    return fields;
}

/// By which signatures it was looked into, and what they found.
json::object scan_of(const vocabulary::Inspection& seen, std::string_view content)
{
    json::object scan{{"signatures", printable(seen.signatures, longest_value)}};
    json::array viruses, unscannable;
    for (const auto& virus : seen.viruses) viruses.emplace_back(printable(virus.signature, longest_value));
    for (const auto& reason : seen.unscannable) unscannable.emplace_back(reason);
    if (!viruses.empty()) {
        scan["viruses"] = std::move(viruses);
        scan["sha256"] = sha256_hex(content);
    }
    if (!unscannable.empty()) scan["unscannable"] = std::move(unscannable);
    return scan;
}

/// What the scanner found is kept of every message that it looked into, whether a rule asks for it or not.
void add_scan(const json::object& evidence, vocabulary::Recorded::Fields& fields)
{
    const auto* scan = evidence.if_contains("scan");
    if (scan == nullptr || !scan->is_object()) return;
    const auto take = [&](const char* field, const char* name) {
        auto& values = fields[field];
        values.clear();
        const auto* list = scan->get_object().if_contains(name);
        if (list == nullptr || !list->is_array()) return;
        for (const auto& value : list->get_array())
            if (value.is_string()) values.emplace_back(value.get_string());
    };
    take("message.virus", "viruses");
    take("message.unscannable", "unscannable");
}

}  // namespace

std::string evidence_of(const Transaction& transaction, const MessageView& view, Instant now)
{
    const auto wanted = wanted_by(transaction.policy().keeping());
    const bool scanned = view.inspection && !view.inspection->signatures.empty();
    if (wanted.empty() && !scanned) return {};
    vocabulary::Facts facts;
    facts.stage = vocabulary::Stage::message;
    facts.time = now;
    facts.peer = transaction.peer;
    facts.tls = transaction.tls;
    facts.listener = transaction.listener;
    facts.sender_organisation = transaction.organisation;
    facts.sender = transaction.inside_sender ? &*transaction.inside_sender : nullptr;
    facts.header = &view.header;
    facts.content = *view.content;
    facts.size = view.content->size();
    facts.structure = view.structure.get();
    facts.inspection = view.inspection ? &*view.inspection : nullptr;
    facts.recipients = view.recipients;
    facts.generation = transaction.policy().generation();

    policy::FieldValues values(facts);
    Sheet sheet;
    for (const auto& one : wanted)
        if (!one.field->of_attachment) sheet.keep(one.name, values.read(*one.field, one.header), one.in_words);
    auto evidence = std::move(sheet).done();
    const bool of_attachments = std::ranges::any_of(wanted, [](const Wanted& one) {
        return one.field->of_attachment || one.field->id == FieldId::attachment_count;
    });
    if (of_attachments && values.attachments()) {
        evidence["attachments"] = attachments_of(wanted, values);
        if (values.has_unlisted_parts() || *values.attachments() > most_attachments) evidence["unlisted"] = true;
    }
    if (scanned) evidence["scan"] = scan_of(*view.inspection, *view.content);
    return json::serialize(evidence);
}

vocabulary::Recorded recorded_in(const json::object& evidence)
{
    vocabulary::Recorded recorded;
    recorded.fields = fields_in(evidence);
    add_scan(evidence, recorded.fields);
    recorded.unlisted = evidence.contains("unlisted");
    const auto* attachments = evidence.if_contains("attachments");
    if (attachments == nullptr || !attachments->is_array()) return recorded;
    auto& list = recorded.attachments.emplace();
    for (const auto& attachment : attachments->get_array())
        if (attachment.is_object()) list.push_back(fields_in(attachment.get_object()));
    return recorded;
}

}  // namespace postern::gateway
