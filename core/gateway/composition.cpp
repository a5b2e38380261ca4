#include "gateway/composition.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "gateway/plan.hpp"
#include "transform/entry.hpp"

#include <boost/json.hpp>

namespace postern::gateway {

namespace {

std::string as_json(const std::vector<std::string>& texts)
{
    return texts.empty() ? std::string{} : boost::json::serialize(boost::json::value_from(texts));
}

std::vector<std::string> fields_added_by(const std::vector<PlannedRecipient>& recipients)
{
    std::vector<std::string> names;
    for (const auto& recipient : recipients)
        for (const auto& tag : recipient.tags)
            for (const auto* fields : {&tag.add_headers, &tag.replace_headers})
                for (const auto& [name, value] : *fields) names.push_back(name);
    return names;
}

store::MessageRecord record_of(const Transaction& transaction, const ConnectionFacts& connection,
                               const mail::Header& header, const std::string& content, const Judged& judged,
                               Instant now, std::string id)
{
    store::MessageRecord record;
    record.received = now;
    record.id = id.empty() ? make_message_id(record.received) : std::move(id);
    record.generation = transaction.policy().generation();
    record.organisation = transaction.organisation->id;
    record.sender = judged.sender ? judged.sender->text() : std::string{};
    if (const auto* field = header.find("Message-ID")) record.header_message_id = trim(field->value).substr(0, 998);
    record.peer = vocabulary::print_ip(connection.peer.ip);
    record.helo = connection.hello;
    record.tls = connection.tls ? connection.tls->description : std::string{};
    record.size = content.size();
    record.body = transaction.sender.body;
    record.smtputf8 = transaction.sender.smtputf8;
    record.require_tls = transaction.sender.require_tls;
    record.ret = transaction.sender.ret;
    record.envelope_id = transaction.sender.envelope_id;
    record.rules = as_json(judged.rules);
    record.listener = connection.peer.listener;
    record.extended = connection.extended;
    record.hops = judged.hops;
    record.evidence = judged.evidence;
    return record;
}

mail::HeaderEditor edit_entry(const Transaction& transaction, const ConnectionFacts& connection,
                              const mail::Header& header, const store::MessageRecord& record,
                              const std::string& content, std::span<const std::string> added_by_tags,
                              std::span<const std::pair<std::string, std::string>> list_fields)
{
    const auto& policy = transaction.policy();
    transform::EntryFacts facts;
    facts.message_id = record.id;
    facts.node = policy.node().name;
    facts.suffix = policy.community().suffix.text();
    facts.helo = record.helo;
    facts.peer = connection.peer.ip;
    facts.tls = record.tls;
    facts.extended = connection.extended;
    facts.smtputf8 = record.smtputf8;
    facts.generation = record.generation;
    facts.at = record.received;
    facts.sender = transaction.organisation;
    facts.only_recipient = transaction.recipients.size() == 1 ? &transaction.recipients.front().inside : nullptr;
    facts.added_by_tags = added_by_tags;
    facts.list_fields = list_fields;
    facts.prefixes_removed_on_entry = policy.subject_prefixes_removed_on_entry();
    return transform::on_entry(content, header, facts);
}

}  // namespace

store::NewMessage compose(const Transaction& transaction, const ConnectionFacts& connection, const mail::Header& header,
                          store::Content content, Judged judged, Instant now, const transform::TraceKey& key,
                          std::string id, std::vector<std::pair<std::string, std::string>> list_fields)
{
    store::NewMessage message{
        record_of(transaction, connection, header, *content, judged, now, std::move(id)), std::move(content), {}, {}};
    const auto added = fields_added_by(judged.recipients);
    const auto editor =
        edit_entry(transaction, connection, header, message.message, *message.content, added, list_fields);
    for (const auto& recipient : judged.recipients)
        if (recipient.verdict == Verdict::elsewhere) message.refused.push_back(recipient.record);
    const Instant decide_at = now + transaction.policy().retry().first;
    message.deliveries =
        plan_deliveries(editor, {message.message.id, judged.hops, now, decide_at}, std::move(judged.recipients), key);
    return message;
}

}  // namespace postern::gateway
