#include "script/breaker.hpp"

#include <fmt/format.h>

namespace postern::script {

namespace {

std::string whose(std::string_view organisation)
{
    return organisation.empty() ? std::string("mail of no member") : fmt::format("mail of {}", organisation);
}

std::string resting_key(std::string_view script_and_organisation)
{
    return fmt::format("script-resting {}", script_and_organisation);
}

std::string failing_key(std::string_view file)
{
    return fmt::format("script-failing {}", file);
}

}  // namespace

Breaker::~Breaker()
{
    if (alarms_ == nullptr) return;
    const auto end = [this](const std::string& alarm, const auto& by) {
        if (by.alarmed && by.times == times_raised(alarm)) alarms_->clear(alarm);
    };
    for (const auto& [key, watched] : watched_) end(resting_key(key), watched);
    for (const auto& [file, failing] : failing_) end(failing_key(file), failing);
}

std::uint64_t Breaker::times_raised(const std::string& alarm) const
{
    for (const auto& standing : alarms_->standing())
        if (standing.key == alarm) return standing.times;
    return 0;
}

std::string Breaker::key_of(std::string_view file, std::string_view organisation)
{
    return fmt::format("{} organisation:{}", file, organisation);
}

std::string Breaker::resting(std::string_view file, std::string_view organisation) const
{
    const std::scoped_lock lock(mutex_);
    if (watched_.empty()) return {};
    const auto found = watched_.find(key_of(file, organisation));
    if (found == watched_.end()) return {};
    const auto left = found->second.until - clock_.now();
    if (left <= Duration::zero()) return {};
    return fmt::format("{}: rests for another {} s for {}: it went over its budget {} times within a minute", file,
                       std::chrono::ceil<std::chrono::seconds>(left).count(), whose(organisation), overruns);
}

void Breaker::record(std::string_view file, std::string_view organisation, bool over)
{
    const std::scoped_lock lock(mutex_);
    if (!over && watched_.empty()) return;
    auto key = key_of(file, organisation);
    const auto now = clock_.now();
    auto found = watched_.find(key);
    if (!over) {
        if (found == watched_.end() || !found->second.alarmed || now < found->second.until) return;
        if (alarms_ != nullptr) alarms_->clear(resting_key(key));
        watched_.erase(found);
        return;
    }
    if (found == watched_.end()) {
        if (watched_.size() >= most) forget_old(now);
        found = watched_.try_emplace(std::move(key)).first;
        found->second.since = now;
    }
    auto& watched = found->second;
    if (now - watched.since > window) {
        watched.over = 0;
        watched.since = now;
    }
    if (++watched.over < overruns) return;
    watched.over = 0;
    watched.since = now;
    watched.until = now + rest;
    watched.alarmed = true;
    if (alarms_ == nullptr) return;
    alarms_->raise(resting_key(found->first),
                   fmt::format("{} went over its budget {} times within a minute for {}; it rests for {} s, and "
                               "its rules' on_error decides about that mail. Try the message with `postern lua`",
                               file, overruns, whose(organisation),
                               std::chrono::duration_cast<std::chrono::seconds>(rest).count()),
                   {{"script", std::string(file)}});
    watched.times = times_raised(resting_key(found->first));
}

void Breaker::note(std::string_view file, std::string_view error)
{
    const std::scoped_lock lock(mutex_);
    if (error.empty()) {
        const auto found = failing_.find(file);
        if (found == failing_.end()) return;
        // One success among many errors would have each four messages make an alert.
        auto& failing = found->second;
        failing.in_a_row = 0;
        if (failing.alarmed && clock_.now() - failing.last < calm) return;
        if (failing.alarmed) alarms_->clear(failing_key(file));
        failing_.erase(found);
        return;
    }
    auto& failing = failing_.try_emplace(std::string(file)).first->second;
    failing.last = clock_.now();
    if (failing.in_a_row < failures) ++failing.in_a_row;
    if (failing.in_a_row < failures || alarms_ == nullptr) return;
    failing.alarmed = true;
    alarms_->raise(failing_key(file),
                   fmt::format("{} failed for the last {} messages or more, and its rules' on_error decides about that "
                               "mail: {}. Try a message with `postern lua`",
                               file, failures, error),
                   {{"script", std::string(file)}, {"reason", std::string(error)}});
    failing.times = times_raised(failing_key(file));
}

void Breaker::forget_old(Instant now)
{
    const auto forget = [this](auto one) {
        if (one->second.alarmed && alarms_ != nullptr) alarms_->clear(resting_key(one->first));
        return watched_.erase(one);
    };
    for (auto one = watched_.begin(); one != watched_.end();) {
        const bool counts = now - one->second.since <= window || now < one->second.until;
        one = counts ? std::next(one) : forget(one);
    }
    if (watched_.size() >= most) forget(watched_.begin());
}

}  // namespace postern::script
