#include "gateway/rehearsed_people.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::gateway {

using vocabulary::DirectoryEntry;
using vocabulary::DirectoryEntryPtr;

PeopleList people_of(const vocabulary::ImportDocument& document)
{
    PeopleList people;
    for (const auto& organisation : document.organisations)
        for (const auto& item : organisation.entries) people.push_back(item.entry);
    return people;
}

PeopleIndex::PeopleIndex(const policy::Snapshot& policy, const PeopleList& people)
{
    for (const auto& person : people) {
        auto entry = std::make_shared<DirectoryEntry>(person);
        const auto owner = policy.owner_of(person.address.domain());
        if (entry->organisation.empty() && owner && owner->organisation) entry->organisation = owner->organisation->id;
        by_key_.insert_or_assign(entry->address.key(), std::move(entry));
    }
}

DirectoryEntryPtr PeopleIndex::find(const std::string& key) const
{
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : found->second;
}

std::vector<std::string> PeopleIndex::similar(const mail::Address& address, const std::string& organisation,
                                              std::size_t at_most) const
{
    std::vector<std::string> candidates;
    for (const auto& [key, entry] : by_key_)
        if (entry->organisation == organisation && entry->status == vocabulary::EntryStatus::active &&
            !entry->ex_directory)
            candidates.push_back(entry->address.text());
    std::ranges::sort(candidates);
    const auto near = nearest(address.text(), candidates);
    return near.empty() || at_most == 0 ? std::vector<std::string>{} : std::vector{near};
}

RehearsedPeople::Async<Result<DirectoryEntryPtr>> RehearsedPeople::find(mail::Address address)
{
    if (index_ != nullptr) co_return index_->find(address.key());
    co_return assumed(address);
}

RehearsedPeople::Async<Result<std::vector<DirectoryEntryPtr>>> RehearsedPeople::find_all(
    std::vector<mail::Address> addresses)
{
    std::vector<DirectoryEntryPtr> entries;
    for (const auto& address : addresses)
        entries.push_back(index_ != nullptr ? index_->find(address.key()) : assumed(address));
    co_return entries;
}

DirectoryEntryPtr RehearsedPeople::assumed(const mail::Address& address)
{
    const auto owner = policy_->owner_of(address.domain());
    if (!owner || !owner->organisation || owner->organisation->users != vocabulary::Users::listed) return nullptr;
    auto entry = std::make_shared<DirectoryEntry>();
    entry->address = address;
    entry->organisation = owner->organisation->id;
    auto note = fmt::format("the directory was not asked: <{}> is taken for an active user of {}",
                            printable(address.text()), owner->organisation->name);
    if (std::ranges::find(notes_, note) == notes_.end()) notes_.push_back(std::move(note));
    return entry;
}

RehearsedPeople::Async<Result<std::vector<std::string>>> RehearsedPeople::similar(mail::Address address,
                                                                                  std::string organisation,
                                                                                  std::size_t at_most)
{
    if (index_ == nullptr) co_return std::vector<std::string>{};
    co_return index_->similar(address, organisation, at_most);
}

// A rehearsal leaves nothing behind.
RehearsedPeople::Async<Result<void>> RehearsedPeople::remember(mail::Address, bool, Instant, Instant)
{
    co_return Result<void>{};
}

RehearsedPeople::Async<Result<std::optional<bool>>> RehearsedPeople::recalled(mail::Address, Instant)
{
    co_return std::optional<bool>{};
}

}  // namespace postern::gateway
