#include "alert/event_queue.hpp"

#include <algorithm>
#include <utility>

namespace postern::alert {

bool EventQueue::add(vocabulary::Event event)
{
    const std::lock_guard lock(mutex_);
    if (events_.size() >= most_) {
        if (!vocabulary::info(event.id).standing) return false;
        if (settles_with_one_that_waits(event)) return true;
    }
    events_.push_back(std::move(event));
    return true;
}

std::optional<vocabulary::Event> EventQueue::front() const
{
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return std::nullopt;
    return events_.front();
}

void EventQueue::pop()
{
    const std::lock_guard lock(mutex_);
    if (!events_.empty()) events_.pop_front();
}

// A condition's beginning and end that both still wait are as if it had not been. The first is being handled, and
// counts as heard.
bool EventQueue::settles_with_one_that_waits(const vocabulary::Event& event)
{
    const auto about_it = [&event](const vocabulary::Event& other) {
        return other.id == event.id && other.object == event.object;
    };
    const auto found = std::find_if(events_.rbegin(), events_.rend(), about_it);
    if (found == events_.rend()) return false;
    if (found->cleared == event.cleared) return true;
    const auto place = std::prev(found.base());
    if (place == events_.begin()) return false;
    events_.erase(place);
    return true;
}

}  // namespace postern::alert
