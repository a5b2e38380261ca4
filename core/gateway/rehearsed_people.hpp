// Who there is in a rehearsal: entries that somebody declared, or nobody in particular.
//
// Made for one rehearsal and used on its thread. What had to be assumed is noted, so that its reader knows.
#pragma once

#include "policy/snapshot.hpp"
#include "ports/people.hpp"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace postern::gateway {

using PeopleList = std::vector<vocabulary::DirectoryEntry>;

/// The entries of a directory.yaml.
[[nodiscard]] PeopleList people_of(const vocabulary::ImportDocument& document);

/// Entries by address, made once for many rehearsals. Immutable; any thread.
class PeopleIndex {
public:
    /// Entries without an organisation get that of their domain.
    PeopleIndex(const policy::Snapshot& policy, const PeopleList& people);
    [[nodiscard]] vocabulary::DirectoryEntryPtr find(const std::string& key) const;
    [[nodiscard]] std::vector<std::string> similar(const mail::Address& address, const std::string& organisation,
                                                   std::size_t at_most) const;

private:
    std::unordered_map<std::string, vocabulary::DirectoryEntryPtr> by_key_;
};

class RehearsedPeople final : public ports::People {
public:
    /// Without an index nobody is asked: every address of a member whose people are listed is taken for one of an
    /// active person.
    RehearsedPeople(policy::SnapshotPtr policy, const PeopleIndex* index, std::vector<std::string>& notes)
        : policy_(std::move(policy)), index_(index), notes_(notes)
    {
    }

    [[nodiscard]] Async<Result<vocabulary::DirectoryEntryPtr>> find(mail::Address address) override;
    [[nodiscard]] Async<Result<std::vector<vocabulary::DirectoryEntryPtr>>> find_all(
        std::vector<mail::Address> addresses) override;
    [[nodiscard]] Async<Result<std::vector<std::string>>> similar(mail::Address address, std::string organisation,
                                                                  std::size_t at_most) override;
    [[nodiscard]] Async<Result<void>> remember(mail::Address address, bool exists, Instant until, Instant now) override;
    [[nodiscard]] Async<Result<std::optional<bool>>> recalled(mail::Address address, Instant now) override;

private:
    [[nodiscard]] vocabulary::DirectoryEntryPtr assumed(const mail::Address& address);

    policy::SnapshotPtr policy_;
    const PeopleIndex* index_;
    std::vector<std::string>& notes_;
};

}  // namespace postern::gateway
