// What an organisation has to do: the yearly tasks, and what its file lacks.
//
// Pure; any thread.
#pragma once

#include "directory/administration.hpp"
#include "vocabulary/organisation.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::control {

struct OrganisationTask {
    std::string name;  ///< "terms"
    std::string text;  ///< who does what
    std::optional<directory::TaskDone> done;
    std::optional<Instant> due;  ///< nothing: it was never done, or can't be done but by changing the file
    [[nodiscard]] bool is_due(Instant at) const noexcept { return !due || *due <= at; }
};

/// What stands in the way first: too few administrators, no signatory.
[[nodiscard]] std::vector<OrganisationTask> tasks_of(const vocabulary::Organisation& organisation,
                                                     const std::map<std::string, directory::TaskDone>& done);
/// Whether people can say that it is done: terms, users, groups.
[[nodiscard]] bool is_yearly_task(std::string_view name) noexcept;

}  // namespace postern::control
