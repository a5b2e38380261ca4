#include "directory/reminders.hpp"

namespace postern::directory {

Reminded remind(const Duty& duty, const std::optional<Reminder>& before, const ReminderTimes& times, Instant now)
{
    Reminded reminded;
    auto& kept = reminded.kept;
    if (before)
        kept = *before;
    else
        kept = {.organisation = duty.organisation, .task = duty.task, .since = now, .due = {}, .told = {}, .step = {}};
    const Instant due = duty.due.value_or(kept.since + times.grace);
    // Done since: it begins anew.
    if (kept.due != due) kept.told.reset(), kept.step.reset();
    kept.due = due;
    std::optional<Duration> stage;
    if (now >= due)
        stage = Duration{};
    else
        for (const auto& step : times.before)
            if (now >= due - step) stage = step;
    if (!stage) return reminded;
    const bool is_new = !kept.step || *stage < *kept.step;
    const bool is_old = *stage == Duration{} && kept.told && now - *kept.told >= times.again;
    reminded.tell = is_new || is_old;
    if (reminded.tell) kept.told = now, kept.step = *stage;
    return reminded;
}

}  // namespace postern::directory
