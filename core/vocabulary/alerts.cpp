#include "vocabulary/alerts.hpp"

#include <algorithm>
#include <array>

namespace postern::vocabulary {

std::string_view name_of(AlertChannel channel) noexcept
{
    constexpr std::array<std::string_view, 3> names{"mail", "webhook", "syslog"};
    return names[static_cast<std::size_t>(channel)];
}

std::string_view name_of(WindowIntake intake) noexcept
{
    return intake == WindowIntake::defer ? "defer" : "carry_on";
}

bool AlertRule::takes(const Event& event) const
{
    const auto named = [&](const AlertTrigger& trigger) {
        return trigger.event == event.id &&
               (trigger.threshold.empty() || trigger.threshold == event.field("threshold").value_or(""));
    };
    return std::ranges::any_of(on, named) && (!when || when->holds(event));
}

const AlertRule* AlertPolicy::rule(std::string_view name) const noexcept
{
    const auto found = std::ranges::find(rules, name, &AlertRule::name);
    return found == rules.end() ? nullptr : &*found;
}

std::vector<Threshold> AlertPolicy::thresholds(EventId event) const
{
    const auto& kind = info(event);
    std::vector<Threshold> all;
    bool usual = true;
    for (const auto& rule : rules)
        for (const auto& trigger : rule.on) {
            if (trigger.event != event) continue;
            auto threshold = parse_threshold(kind.form, trigger.threshold);
            if (threshold && std::ranges::find(all, *threshold) == all.end()) all.push_back(std::move(*threshold));
            usual = false;
        }
    if (usual)
        if (auto threshold = parse_threshold(kind.form, kind.usual)) all.push_back(std::move(*threshold));
    return all;
}

std::vector<std::string> alert_template_values(const std::vector<AlertTrigger>& on)
{
    std::vector<std::string> names{"rule",   "alert",      "service",   "node", "title",
                                   "advice", "suppressed", "escalated", "note"};
    const auto add = [&names](std::string_view name) {
        if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
    };
    for (const auto field : common_event_fields()) add(field);
    for (const auto& trigger : on)
        for (const auto field : info(trigger.event).fields) add(field);
    return names;
}

const std::vector<std::string>& notice_template_values()
{
    static const std::vector<std::string> names{"what", "time", "service", "advice"};
    return names;
}

}  // namespace postern::vocabulary
