#include "gateway/generations.hpp"

#include <chrono>
#include <utility>

namespace postern::gateway {

Generations::Generations() : reaper_([this] { reap(); }) {}

Generations::~Generations()
{
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_one();
    reaper_.join();
}

GenerationPtr Generations::current() const
{
    const std::lock_guard lock(mutex_);
    return current_;
}

void Generations::publish(GenerationPtr next)
{
    const std::lock_guard lock(mutex_);
    if (current_) retired_.push_back(std::move(current_));
    current_ = std::move(next);
    changed_.notify_one();
}

void Generations::reap()
{
    std::unique_lock lock(mutex_);
    while (!stop_) {
        if (retired_.empty())
            changed_.wait(lock);
        else
            changed_.wait_for(lock, std::chrono::seconds{1});
        std::vector<GenerationPtr> unused;
        std::erase_if(retired_, [&unused](GenerationPtr& generation) {
            if (generation.use_count() > 1) return false;
            unused.push_back(std::move(generation));
            return true;
        });
        lock.unlock();
        unused.clear();
        lock.lock();
    }
}

}  // namespace postern::gateway
