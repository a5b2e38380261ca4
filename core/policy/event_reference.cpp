#include "policy/event_reference.hpp"

#include "vocabulary/alerts.hpp"
#include "vocabulary/events.hpp"

#include <fmt/format.h>

namespace postern::policy {

namespace {

constexpr std::string_view opening = R"(# Events

What can happen that somebody may have to be told. A rule of [alerts.yaml](files/alerts.md) names events under `on:`, and asks for
their fields under `when:`, in the form of every other [condition](conditions.md); all fields are texts.

```yaml
# alerts.yaml
people: { operations: postmaster@cjsm.net }
alerts:
  - name: mail-waits
    on: [scanner_down, { queue_older_than: 1 hour, destination_down_for: [30 minutes, 4 hours] }]
    when: { not: { destination: "organisation:victim-care" } }
    to: operations
    at_most: { one_per: 30 minutes, group_by: destination }
    escalate: { unacknowledged_for: 1 hour, to: [postmaster@cjsm.net] }
```

A *condition* stands until it ends, and makes one alert in that time; a *moment* passes. An event with a threshold happens at each
threshold that some rule names, and where none does at the usual one.

)";

std::string code_list(std::span<const std::string_view> names)
{
    std::string all;
    for (const auto name : names) all += fmt::format("{}`{}`", all.empty() ? "" : " ", name);
    return all;
}

std::string section_of(const vocabulary::EventInfo& event)
{
    auto text = fmt::format("\n## `{}`\n\n{} {}, {}.\n", event.name, event.description,
                            event.standing ? "A condition" : "A moment", vocabulary::name_of(event.severity));
    if (!event.threshold.empty())
        text += fmt::format("\nThreshold: `{{ {}: {} }}`, which counts where a rule names none.\n", event.threshold,
                            event.usual);
    if (!event.fields.empty()) text += fmt::format("\nCarries {}.\n", code_list(event.fields));
    return text + fmt::format("\nOutside the community people read: *{}.* *{}*\n", event.title, event.advice);
}

}  // namespace

std::string events_page()
{
    std::string page(opening);
    page += fmt::format("Every event carries {}.\n\nTemplates may name what the rule's events carry, and ",
                        code_list(vocabulary::common_event_fields()));
    const auto always = vocabulary::alert_template_values({});
    const auto common = vocabulary::common_event_fields().size();
    for (std::size_t i = 0; i + common < always.size(); ++i)
        page += fmt::format("{}`{}`", i == 0 ? "" : " ", always[i]);
    page += "; a template for addresses outside may name ";
    const auto& notice = vocabulary::notice_template_values();
    for (std::size_t i = 0; i < notice.size(); ++i) page += fmt::format("{}`{}`", i == 0 ? "" : " ", notice[i]);
    page += " alone.\n";
    for (const auto& event : vocabulary::events()) page += section_of(event);
    return page;
}

}  // namespace postern::policy
