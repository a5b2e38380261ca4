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

constexpr std::size_t most_values = 20;
constexpr std::size_t longest_value = 1000;

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

}  // namespace

std::string evidence_of(const Transaction& transaction, const MessageView& view, Instant now)
{
    const auto& keeping = transaction.policy().keeping();
    if (keeping.asked.empty() && keeping.record.empty()) return {};
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
    json::object words, digests;
    json::array unknown;
    const auto keep = [&](const std::string& name, bool in_words) {
        const auto* field = vocabulary::find_field(name);
        if (field == nullptr || field->from == vocabulary::Stage::recipient) return;
        if (words.contains(name) || digests.contains(name)) return;
        constexpr std::string_view header = "header.";
        const auto behind = std::string_view(name).starts_with(header) ? name.substr(header.size()) : std::string{};
        const auto reading = values.read(*field, behind);
        if (reading.known)
            (in_words ? words : digests)[name] = array_of(reading, in_words);
        else
            unknown.emplace_back(name);
    };
    for (const auto& name : keeping.record) keep(name, true);
    for (const auto& name : keeping.asked) keep(name, false);
    json::object evidence{{"values", std::move(words)}, {"digests", std::move(digests)}};
    if (!unknown.empty()) evidence["unknown"] = std::move(unknown);
    return json::serialize(evidence);
}

}  // namespace postern::gateway
