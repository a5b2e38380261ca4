#include "ports/alarms.hpp"

#include <utility>

namespace postern::ports {

using vocabulary::Event;
using vocabulary::EventFields;

// The listener is called under the lock, so that a condition's beginning and end are heard in that order; it only
// queues what it hears.
void Alarms::raise(const std::string& key, const std::string& text, EventFields fields)
{
    {
        const std::lock_guard lock(mutex_);
        auto [place, fresh] = standing_.try_emplace(key, Standing{{key, text, clock_.now(), 0}, {}});
        auto& standing = place->second;
        standing.alarm.text = text;
        if (standing.alarm.times++ > 0) return;
        standing.fields = fields;
        pass_on(event_of(standing.alarm, std::move(fields)));
    }
    log_.write(Level::alert, "alarm raised", {{"alarm", key}, {"reason", text}});
}

void Alarms::clear(const std::string& key)
{
    {
        const std::lock_guard lock(mutex_);
        const auto found = standing_.find(key);
        if (found == standing_.end()) return;
        auto event = event_of(found->second.alarm, std::move(found->second.fields));
        event.at = clock_.now();
        event.cleared = true;
        standing_.erase(found);
        pass_on(std::move(event));
    }
    log_.info("alarm cleared", {{"alarm", key}});
}

void Alarms::tell(vocabulary::EventId id, const std::string& object, const std::string& text, EventFields fields)
{
    log_.write(Level::alert, vocabulary::info(id).name, {{"alarm", object}, {"reason", text}});
    const std::lock_guard lock(mutex_);
    pass_on({id, object, text, clock_.now(), false, std::move(fields)});
}

std::vector<Alarm> Alarms::standing() const
{
    const std::lock_guard lock(mutex_);
    std::vector<Alarm> all;
    for (const auto& [key, standing] : standing_) all.push_back(standing.alarm);
    return all;
}

void Alarms::listen(EventListener* listener)
{
    const std::lock_guard lock(mutex_);
    listener_ = listener;
    for (const auto& [key, standing] : standing_) pass_on(event_of(standing.alarm, standing.fields));
}

Event Alarms::event_of(const Alarm& alarm, EventFields fields) const
{
    return {vocabulary::event_of_alarm(alarm.key).id, alarm.key, alarm.text, alarm.since, false, std::move(fields)};
}

void Alarms::pass_on(Event event) const
{
    if (listener_ != nullptr) listener_->hear(std::move(event));
}

}  // namespace postern::ports
