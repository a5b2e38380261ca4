#include "gateway/plan.hpp"

#include "gateway/lists.hpp"

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
    if (a.verdict == Verdict::defer || a.verdict == Verdict::quarantine) return false;
    if (is_list_hop(a.record.hop_address) || is_list_hop(b.record.hop_address)) return false;  // expanded one by one
    return a.verdict == b.verdict && a.organisation == b.organisation && a.bounce_reason == b.bounce_reason &&
           a.tags == b.tags && a.reason == b.reason && a.rule == b.rule && a.ends == b.ends;
}

mail::Edits edits_for(const mail::HeaderEditor& entry, const PlanFacts& facts, const Group& group,
                      const transform::TraceKey& key)
{
    std::vector<transform::Tag> tags;
    for (const auto& order : group.first->tags)
        tags.push_back(
            {order.subject_prefix, order.once, order.add_headers, order.remove_headers, order.replace_headers});
    const auto* organisation = group.first->organisation;
    std::string token;
    if (organisation && organisation->kind == vocabulary::Kind::server) {
        std::vector<std::string> keys;
        for (const auto* member : group.members) keys.push_back(member->key);
        token = transform::make_token(facts.message_id, organisation->id, facts.hops, keys, key);
    }
    return transform::for_delivery(entry, {organisation, tags, token}).edits();
}

store::DeliveryRecord delivery_of(const PlannedRecipient& planned, const PlanFacts& facts)
{
    store::DeliveryRecord delivery;
    delivery.organisation = planned.organisation ? planned.organisation->id : std::string{};
    delivery.undecided = planned.verdict == Verdict::defer;
    delivery.due = delivery.undecided ? facts.decide_at : facts.due;
    delivery.bounce_reason = planned.bounce_reason;
    delivery.quarantined = planned.verdict == Verdict::quarantine;
    delivery.held = planned.verdict == Verdict::hold;
    delivery.hold_reason = planned.reason;
    delivery.rule = planned.rule;
    delivery.ends = planned.ends;
    return delivery;
}

}  // namespace

std::vector<store::DeliveryRecord> plan_deliveries(const mail::HeaderEditor& entry, const PlanFacts& facts,
                                                   std::vector<PlannedRecipient> recipients,
                                                   const transform::TraceKey& key)
{
    std::vector<Group> groups;
    for (auto& recipient : recipients) {
        if (recipient.verdict == Verdict::elsewhere) continue;
        const auto group = std::ranges::find_if(groups, [&](const Group& g) { return together(*g.first, recipient); });
        if (group != groups.end())
            group->members.push_back(&recipient);
        else
            groups.push_back({&recipient, {&recipient}});
    }
    std::vector<store::DeliveryRecord> deliveries;
    for (const auto& group : groups) {
        auto delivery = delivery_of(*group.first, facts);
        const bool carried = group.first->verdict == Verdict::deliver || group.first->verdict == Verdict::hold;
        if (carried) delivery.edits = edits_for(entry, facts, group, key);
        for (auto* member : group.members) delivery.recipients.push_back(std::move(member->record));
        deliveries.push_back(std::move(delivery));
    }
    return deliveries;
}

}  // namespace postern::gateway
