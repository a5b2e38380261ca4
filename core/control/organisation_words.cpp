#include "control/organisation_words.hpp"

#include "directory/rows.hpp"

#include <algorithm>

namespace postern::control {

std::shared_ptr<const OrganisationWords::Sorted> OrganisationWords::of(const policy::SnapshotPtr& policy)
{
    {
        const std::lock_guard lock(mutex_);
        if (sorted_ && sorted_->policy == policy) return sorted_;
    }
    auto made = std::make_shared<Sorted>();
    made->policy = policy;
    for (const auto& organisation : policy->organisations())
        for (const auto* text : {&organisation.id, &organisation.name, &organisation.place, &organisation.kind_of_body})
            for (auto& word : directory::split_words(*text))
                made->words.emplace_back(std::move(word), &organisation.id);
    std::ranges::sort(made->words);
    const std::lock_guard lock(mutex_);
    sorted_ = std::move(made);
    return sorted_;
}

std::vector<std::set<std::string>> OrganisationWords::meant(const policy::SnapshotPtr& policy, std::string_view like)
{
    const auto typed = directory::split_words(like);
    std::vector<std::set<std::string>> meant(typed.size());
    if (typed.empty()) return meant;
    const auto sorted = of(policy);
    for (std::size_t i = 0; i < typed.size(); ++i) {
        auto at = std::ranges::lower_bound(sorted->words, typed[i], {}, [](const auto& one) { return one.first; });
        for (; at != sorted->words.end() && at->first.starts_with(typed[i]); ++at) meant[i].insert(*at->second);
    }
    return meant;
}

}  // namespace postern::control
