#include "gateway/plan.hpp"

#include "transform/delivery.hpp"

#include <algorithm>

namespace postern::gateway {

namespace {

struct Group {
    const PlannedRecipient* first;
    std::vector<PlannedRecipient*> members;
};

bool together(const PlannedRecipient& a, const PlannedRecipient& b)
{
    return a.organisation == b.organisation && a.bounce_reason == b.bounce_reason && a.tags == b.tags;
}

mail::Edits edits_for(const mail::HeaderEditor& entry, const PlanFacts& facts, const Group& group,
                      const transform::TraceKey& key)
{
    std::vector<transform::Tag> tags;
    for (const auto& order : group.first->tags)
        tags.push_back({order.subject_prefix, order.once, order.add_headers, order.remove_headers});
    const auto* organisation = group.first->organisation;
    std::string token;
    if (organisation && organisation->kind == vocabulary::Kind::server) {
        std::vector<std::string> keys;
        for (const auto* member : group.members) keys.push_back(member->key);
        token = transform::make_token(facts.message_id, organisation->id, facts.hops, keys, key);
    }
    return transform::for_delivery(entry, {organisation, tags, token}).edits();
}

}  // namespace

std::vector<store::DeliveryRecord> plan_deliveries(const mail::HeaderEditor& entry, const PlanFacts& facts,
                                                   std::vector<PlannedRecipient> recipients,
                                                   const transform::TraceKey& key)
{
    std::vector<Group> groups;
    for (auto& recipient : recipients) {
        const auto group = std::ranges::find_if(groups, [&](const Group& g) { return together(*g.first, recipient); });
        if (group != groups.end())
            group->members.push_back(&recipient);
        else
            groups.push_back({&recipient, {&recipient}});
    }
    std::vector<store::DeliveryRecord> deliveries;
    for (const auto& group : groups) {
        store::DeliveryRecord delivery;
        delivery.organisation = group.first->organisation ? group.first->organisation->id : std::string{};
        delivery.due = facts.due;
        delivery.bounce_reason = group.first->bounce_reason;
        if (delivery.bounce_reason.empty()) delivery.edits = edits_for(entry, facts, group, key);
        for (auto* member : group.members) delivery.recipients.push_back(std::move(member->record));
        deliveries.push_back(std::move(delivery));
    }
    return deliveries;
}

}  // namespace postern::gateway
