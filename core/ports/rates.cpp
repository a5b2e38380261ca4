#include "ports/rates.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace postern::ports {

namespace {

// A count that should have leaked away exactly may be a hair above it in floating point.
constexpr double hair = 1e-6;

}  // namespace

double Rates::Counter::left_at(Instant now) const noexcept
{
    // A clock that was set back leaks nothing; it does not fill either.
    if (now <= at || rate.per <= Duration::zero()) return used;
    const double share = static_cast<double>((now - at).count()) / static_cast<double>(rate.per.count());
    return std::max(0.0, used - share * static_cast<double>(rate.count));
}

double Rates::Counter::fullness(Instant now) const noexcept
{
    return rate.count == 0 ? 0 : left_at(now) / static_cast<double>(rate.count);
}

Rates::Rates(const Clock& clock, std::size_t most) : clock_(clock), most_(std::max(most, shards)), shards_(shards) {}

bool Rates::take(std::string_view counter, std::string_view key, const vocabulary::Rate& rate, std::uint64_t count)
{
    auto whole = key_of(counter, key);
    auto& shard = shard_of(whole);
    const auto now = clock_.now();
    const std::scoped_lock lock(shard.mutex);
    auto found = shard.counters.find(whole);
    const double used = found == shard.counters.end() ? 0 : found->second.left_at(now);
    const double after = used + static_cast<double>(count);
    if (after > static_cast<double>(rate.count) + hair) return false;
    if (found == shard.counters.end()) {
        if (shard.counters.size() >= most_ / shards) make_room(shard);
        found = shard.counters.try_emplace(std::move(whole)).first;
    }
    found->second = {after, now, rate};
    return true;
}

bool Rates::would_take(std::string_view counter, std::string_view key, const vocabulary::Rate& rate,
                       std::uint64_t count) const
{
    const auto whole = key_of(counter, key);
    const auto& shard = shard_of(whole);
    const auto now = clock_.now();
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.counters.find(whole);
    const double used = found == shard.counters.end() ? 0 : found->second.left_at(now);
    return used + static_cast<double>(count) <= static_cast<double>(rate.count) + hair;
}

void Rates::give_back(std::string_view counter, std::string_view key, std::uint64_t count)
{
    const auto whole = key_of(counter, key);
    auto& shard = shard_of(whole);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.counters.find(whole);
    if (found == shard.counters.end()) return;
    found->second.used = std::max(0.0, found->second.used - static_cast<double>(count));
}

std::size_t Rates::counters() const
{
    std::size_t sum = 0;
    for (const auto& shard : shards_) {
        const std::scoped_lock lock(shard.mutex);
        sum += shard.counters.size();
    }
    return sum;
}

std::string Rates::key_of(std::string_view counter, std::string_view key)
{
    // The length in front, so that no two pairs make the same text.
    std::string whole = std::to_string(counter.size());
    whole.reserve(whole.size() + 1 + counter.size() + key.size());
    whole.append(":").append(counter).append(key);
    return whole;
}

Rates::Shard& Rates::shard_of(const std::string& key)
{
    return shards_[TextHash{}(key) % shards];
}

const Rates::Shard& Rates::shard_of(const std::string& key) const
{
    return shards_[TextHash{}(key) % shards];
}

// Forgets those that have run empty, and if that is not an eighth, the emptiest up to it: so that a flood of new keys
// pays for this once in many, and the counters that hold somebody back are the last to go.
void Rates::make_room(Shard& shard) const
{
    const auto now = clock_.now();
    const std::size_t before = shard.counters.size();
    std::erase_if(shard.counters, [now](const auto& entry) { return entry.second.left_at(now) <= 0; });
    const std::size_t wanted = std::max<std::size_t>(1, before / 8);
    if (before - shard.counters.size() >= wanted) return;

    std::vector<std::pair<double, const std::string*>> by_fullness;
    by_fullness.reserve(shard.counters.size());
    for (const auto& [key, counter] : shard.counters) by_fullness.emplace_back(counter.fullness(now), &key);
    const auto most = static_cast<std::ptrdiff_t>(wanted - (before - shard.counters.size()));
    std::ranges::nth_element(by_fullness, by_fullness.begin() + (most - 1), {},
                             &std::pair<double, const std::string*>::first);
    std::vector<std::string> leaving;
    leaving.reserve(static_cast<std::size_t>(most));
    for (auto one = by_fullness.begin(); one != by_fullness.begin() + most; ++one) leaving.push_back(*one->second);
    for (const auto& key : leaving) shard.counters.erase(key);
}

}  // namespace postern::ports
