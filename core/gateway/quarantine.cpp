#include "gateway/quarantine.hpp"

#include "base/text.hpp"
#include "gateway/address_forms.hpp"
#include "mail/header.hpp"
#include "mail/mime.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace postern::gateway {

namespace {

constexpr std::string_view release_act = "release_quarantine";
constexpr std::array<std::string_view, 6> shown_fields{"From", "To", "Cc", "Subject", "Date", "Message-ID"};

/// Whether the actor is that person. On the machine itself people are known by user names: one that is the local part
/// of the address is taken for its owner.
bool is_person(const std::string& actor, const std::string& address, const policy::Snapshot& policy)
{
    const auto parsed = mail::Address::parse(address);
    if (actor.empty() || !parsed) return false;
    const auto named = mail::Address::parse(actor);
    if (!named) return iequals(actor, parsed->local());
    return own_form(policy, *named).key() == own_form(policy, *parsed).key();
}

Result<void> may_release(const std::string& actor, const std::vector<store::QueueEntry>& entries,
                         const policy::Snapshot& policy)
{
    const auto theirs = [](const char* what) {
        return fault(Retry::never,
                     fmt::format("you are {} of this message; somebody else must release it, or leave it", what));
    };
    if (is_person(actor, entries.front().message.sender, policy)) return theirs("the sender");
    for (const auto& entry : entries)
        for (const auto& recipient : entry.delivery.recipients)
            if (is_person(actor, recipient.address, policy)) return theirs("a recipient");
    return {};
}

constexpr const char* overruled_key = "overruled";

/// Rules whose verdict people have overruled: by this release, and by earlier ones after which another rule kept it.
std::vector<std::string> overruled_by(const store::DeliveryRecord& delivery)
{
    std::vector<std::string> rules;
    boost::system::error_code malformed;
    const auto decision = boost::json::parse(delivery.recipients.front().decision, malformed);
    if (!malformed && decision.is_object())
        if (const auto* before = decision.get_object().if_contains(overruled_key); before && before->is_array())
            for (const auto& rule : before->get_array())
                if (rule.is_string()) rules.emplace_back(rule.get_string());
    if (!delivery.rule.empty() && std::ranges::find(rules, delivery.rule) == rules.end())
        rules.push_back(delivery.rule);
    return rules;
}

std::string with_overruled(const std::string& decision, const std::vector<std::string>& rules)
{
    boost::system::error_code malformed;
    auto value = boost::json::parse(decision, malformed);
    if (malformed || !value.is_object()) value = boost::json::object{};
    boost::json::array all;
    for (const auto& rule : rules) all.emplace_back(rule);
    value.get_object()[overruled_key] = std::move(all);
    return boost::json::serialize(value);
}

std::vector<QuarantinedMail::Attachment> attachments_of(const std::string& content)
{
    std::vector<QuarantinedMail::Attachment> all;
    for (const auto& part : mail::read_structure(content, true).parts)
        if (part.attachment) all.push_back({printable(part.name, 200), part.type, part.size, part.sha256});
    return all;
}

std::vector<std::pair<std::string, std::string>> header_of(const std::string& content)
{
    std::vector<std::pair<std::string, std::string>> all;
    const auto header = mail::Header::parse(content, {std::size_t{64} << 20, 1'000'000});
    if (!header) return all;
    for (const auto name : shown_fields)
        if (const auto* field = header->find(name))
            all.emplace_back(name, printable(mail::decode_text(field->value, 500), 500));
    return all;
}

}  // namespace

Quarantine::Async<Result<std::vector<store::QueueEntry>>> Quarantine::entries(const std::string& id)
{
    store::QueueFilter filter;
    filter.ids.push_back(id);
    filter.quarantined = true;
    return services_.store.list(std::move(filter));
}

Quarantine::Async<Result<void>> Quarantine::exists(const std::string& id)
{
    store::TraceFilter filter;
    filter.id = id;
    filter.limit = 1;
    auto found = co_await services_.store.trace(std::move(filter));
    if (!found) co_return std::unexpected(found.error());
    if (found->empty()) co_return fault(Retry::never, fmt::format("there is no message {}", printable(id, 60)));
    co_return Result<void>{};
}

Quarantine::Async<Result<QuarantinedMail>> Quarantine::show(std::string id)
{
    auto found = co_await entries(id);
    if (!found) co_return std::unexpected(found.error());
    if (found->empty()) co_return fault(Retry::never, fmt::format("{} is not in quarantine", printable(id, 60)));
    auto content = co_await services_.store.content(id);
    if (!content) co_return std::unexpected(content.error());
    QuarantinedMail mail;
    mail.entries = std::move(*found);
    mail.header = header_of(**content);
    mail.attachments = attachments_of(**content);
    store::TraceFilter filter;
    filter.id = id;
    filter.limit = 1;
    auto trace = co_await services_.store.trace(std::move(filter));
    if (!trace) co_return std::unexpected(trace.error());
    for (const auto& one : *trace)
        for (const auto& event : one.events) {
            if (event.kind == "released") mail.asked.clear();
            if (event.kind == "release_asked") mail.asked.push_back(event);
        }
    co_return mail;
}

Quarantine::Async<Result<Released>> Quarantine::release(std::string id, std::string reason, std::string actor,
                                                        std::string counts_as)
{
    auto found = co_await entries(id);
    if (!found) co_return std::unexpected(found.error());
    if (found->empty()) {
        if (auto known = co_await exists(id); !known) co_return std::unexpected(known.error());
        co_return Released{Released::What::nothing_there, {}};
    }
    const auto generation = services_.generations.current();
    if (auto may = may_release(actor, *found, *generation->policy); !may) co_return std::unexpected(may.error());
    if (auto may = may_release(counts_as, *found, *generation->policy); !may) co_return std::unexpected(may.error());
    if (generation->policy->needs_second_person(release_act)) {
        auto consent =
            co_await services_.store.consent(id, std::string(release_act), counts_as, reason, services_.clock.now());
        if (!consent) co_return std::unexpected(consent.error());
        if (consent->first_asks) co_return Released{Released::What::asked, {}};
        if (!consent->given)
            co_return fault(Retry::never,
                            fmt::format("you asked for this release at {}; a second person must release it",
                                        to_iso8601(consent->asked)));
    }
    Released released;
    for (auto& entry : *found)
        released.recipients.push_back(co_await release_one(generation, std::move(entry), reason, actor));
    services_.schedule.due(services_.clock.now());
    co_return released;
}

Quarantine::Async<Released::Recipient> Quarantine::release_one(GenerationPtr generation, store::QueueEntry entry,
                                                               std::string reason, std::string actor)
{
    Released::Recipient result{entry.delivery.recipients.front().address, "can't be decided now", {}};
    const std::string id = entry.message.id;
    auto content = co_await services_.store.content(id);
    if (!content) {
        result.reason = content.error().describe();
        co_return result;
    }
    Undecided what{generation,
                   std::make_shared<const store::MessageRecord>(std::move(entry.message)),
                   *content,
                   std::move(entry.delivery),
                   {}};
    const auto ends = what.delivery.ends;
    const auto overruled = overruled_by(what.delivery);
    what.ruling.except = overruled;
    what.ruling.follows_rules = false;
    auto again = co_await reconsider_.decide(std::move(what));
    if (!again) {
        result.reason = again.error().describe();
        co_return result;
    }
    auto& plan = again->plan;
    for (auto& recipient : plan.recipients) recipient.decision = with_overruled(recipient.decision, overruled);
    if (plan.quarantined && ends) plan.ends = ends;
    result.outcome = plan.quarantined              ? "still in quarantine"
                     : plan.held                   ? "held"
                     : !plan.bounce_reason.empty() ? "refused"
                                                   : "goes on";
    result.reason = plan.bounce_reason.empty() ? plan.hold_reason : plan.bounce_reason;
    const bool left = !plan.quarantined;
    again->release = true;
    again->reason = std::move(reason);
    again->actor = actor;
    auto stored = co_await services_.store.redecide(std::move(*again));
    if (!stored) {
        result.outcome = "can't be decided now";
        result.reason = stored.error().describe();
        co_return result;
    }
    if (!*stored) {
        result.outcome = "gone";
        result.reason = "somebody else released or deleted it meanwhile";
        co_return result;
    }
    if (left) ++services_.metrics.quarantine_released;
    services_.log.info("released from quarantine", {{"message", id},
                                                    {"recipient", result.address},
                                                    {"actor", actor},
                                                    {"generation", generation->policy->generation()},
                                                    {"outcome", result.outcome}});
    co_return result;
}

Quarantine::Async<Result<std::size_t>> Quarantine::discard(std::string id, std::string reason, std::string actor)
{
    std::string told = "550 5.7.1 Kept back by the people of this service and not released";
    if (!reason.empty()) told += ": " + printable(reason, 300);
    auto deleted = co_await services_.store.discard(id, std::move(told), actor);
    if (!deleted) co_return deleted;
    if (*deleted == 0) co_return fault(Retry::never, fmt::format("{} is not in quarantine", printable(id, 60)));
    services_.metrics.quarantine_deleted += *deleted;
    services_.log.info("deleted from quarantine",
                       {{"message", id}, {"actor", actor}, {"count", std::uint64_t{*deleted}}});
    services_.schedule.due(services_.clock.now());
    co_return deleted;
}

}  // namespace postern::gateway
