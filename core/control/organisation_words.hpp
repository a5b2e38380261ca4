// Which organisations a typed word means: by id, name, place or kind of body.
//
// Thread-safe. The words are gathered once for each policy, so that a search as somebody types costs a look at a sorted
// list.
#pragma once

#include "policy/snapshot.hpp"

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::control {

class OrganisationWords {
public:
    /// For each word of `like`, ids of the organisations a word of which it begins.
    [[nodiscard]] std::vector<std::set<std::string>> meant(const policy::SnapshotPtr& policy, std::string_view like);

private:
    struct Sorted {
        policy::SnapshotPtr policy;  ///< keeps alive what `words` names
        std::vector<std::pair<std::string, const std::string*>> words;
    };
    [[nodiscard]] std::shared_ptr<const Sorted> of(const policy::SnapshotPtr& policy);

    std::mutex mutex_;
    std::shared_ptr<const Sorted> sorted_;  ///< under mutex_
};

}  // namespace postern::control
