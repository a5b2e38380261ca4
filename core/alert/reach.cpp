#include "alert/reach.hpp"

#include <algorithm>

namespace postern::alert {

namespace {

using vocabulary::AlertReach;
using vocabulary::AlertRole;

std::string organisation_of(const vocabulary::Event& event)
{
    for (const auto* field : {"organisation", "sender.organisation", "recipient.organisation"})
        if (auto id = event.field(field); id && !id->empty()) return std::move(*id);
    return {};
}

class Collector {
public:
    explicit Collector(const Community& community) : community_(community) {}

    void add(const mail::Address& address, AlertReach reach)
    {
        const auto inside = community_.inside(address);
        if (inside ? reach == AlertReach::non_secure : reach == AlertReach::secure) return;
        Reached reached{inside ? inside->text() : address.text(), inside.has_value()};
        if (std::ranges::find(all_, reached) == all_.end()) all_.push_back(std::move(reached));
    }
    void add_text(const std::optional<std::string>& text, AlertReach reach)
    {
        if (!text) return;
        if (const auto address = mail::Address::parse(*text)) add(*address, reach);
    }
    [[nodiscard]] std::vector<Reached> take() { return std::move(all_); }

private:
    const Community& community_;
    std::vector<Reached> all_;
};

}  // namespace

std::vector<Reached> reach(const std::vector<vocabulary::AlertTarget>& targets, const vocabulary::Event& event,
                           const vocabulary::AlertPolicy& policy, const Community& community)
{
    Collector collector(community);
    for (const auto& target : targets) switch (target.role) {
            case AlertRole::address:
                if (target.address) collector.add(*target.address, target.reach);
                break;
            case AlertRole::organisation_administrators: {
                const auto organisation = organisation_of(event);
                for (const auto& address : community.administrators(organisation)) collector.add(address, target.reach);
                for (const auto& address : community.non_secure(organisation))
                    collector.add_text(address, target.reach);
                break;
            }
            case AlertRole::sender:
                collector.add_text(event.field("sender.address"), target.reach);
                collector.add_text(event.field("sender.non_secure"), target.reach);
                break;
            case AlertRole::user:
                collector.add_text(event.field("user.address"), target.reach);
                collector.add_text(event.field("user.non_secure"), target.reach);
                break;
            case AlertRole::operations:
            case AlertRole::service_administrator:
            case AlertRole::service_manager:
            case AlertRole::auditor:
                if (const auto found = policy.people.find(target.role); found != policy.people.end())
                    for (const auto& address : found->second) collector.add(address, target.reach);
                break;
        }
    return collector.take();
}

}  // namespace postern::alert
