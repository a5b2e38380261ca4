#include "scan/verdict_cache.hpp"

#include "base/digest.hpp"

#include <algorithm>

namespace postern::scan {

namespace {

constexpr std::size_t most_parts_kept = 20;

// What there was no time for this time, there may be another time.
bool is_complete(const vocabulary::Inspection& seen)
{
    return std::ranges::find(seen.unscannable, "time") == seen.unscannable.end();
}

bool is_small(const vocabulary::Inspection& seen)
{
    if (seen.parts.size() > most_parts_kept) return false;
    std::size_t members = 0;
    for (const auto& part : seen.parts) members += part.members.size();
    return members <= most_parts_kept;
}

}  // namespace

std::string VerdictCache::key(const Order& order, std::string_view message)
{
    auto key = sha256_bytes(message);
    for (const bool asked : {order.types, order.members, order.obstacles, order.viruses})
        key.push_back(asked ? '1' : '0');
    return key;
}

const vocabulary::Inspection* VerdictCache::find(const std::string& key)
{
    const auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, place->second);
    return &entries_.front().seen;
}

void VerdictCache::keep(const std::string& key, const vocabulary::Inspection& seen)
{
    if (key.empty() || !is_small(seen) || !is_complete(seen) || places_.contains(key)) return;
    entries_.push_front({key, seen});
    places_.emplace(entries_.front().key, entries_.begin());
    if (entries_.size() <= most_) return;
    places_.erase(entries_.back().key);
    entries_.pop_back();
}

void VerdictCache::clear()
{
    places_.clear();
    entries_.clear();
}

}  // namespace postern::scan
