#include "ports/alarms.hpp"

namespace postern::ports {

void Alarms::raise(const std::string& key, const std::string& text)
{
    {
        const std::lock_guard lock(mutex_);
        auto [place, fresh] = standing_.try_emplace(key, Alarm{key, text, clock_.now(), 0});
        place->second.text = text;
        if (place->second.times++ > 0) return;
    }
    log_.write(Level::alert, "alarm raised", {{"alarm", key}, {"reason", text}});
}

void Alarms::clear(const std::string& key)
{
    {
        const std::lock_guard lock(mutex_);
        if (standing_.erase(key) == 0) return;
    }
    log_.info("alarm cleared", {{"alarm", key}});
}

std::vector<Alarm> Alarms::standing() const
{
    const std::lock_guard lock(mutex_);
    std::vector<Alarm> all;
    for (const auto& [key, alarm] : standing_) all.push_back(alarm);
    return all;
}

}  // namespace postern::ports
