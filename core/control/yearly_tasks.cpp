#include "control/yearly_tasks.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <iterator>

namespace postern::control {

namespace {

constexpr auto a_year = std::chrono::hours{24 * 365};

/// What has to be done each year, by whom.
struct YearlyTask {
    std::string_view name;
    std::string_view text;
};
constexpr YearlyTask yearly[] = {{"terms", "the signatory accepts the service's terms"},
                                 {"users", "its administrators confirm that its users are still here"},
                                 {"groups", "its administrators confirm that every group and list has its owner"}};

}  // namespace

std::vector<OrganisationTask> tasks_of(const vocabulary::Organisation& organisation,
                                       const std::map<std::string, directory::TaskDone>& done)
{
    std::vector<OrganisationTask> tasks;
    if (organisation.administrators.size() < 2)
        tasks.push_back({"administrators",
                         fmt::format("it names {} administrators; at least two are needed, so that one may be away",
                                     organisation.administrators.size()),
                         std::nullopt, std::nullopt});
    if (organisation.signatory.empty())
        tasks.push_back({"signatory", "it names no signatory, who accepts the terms", std::nullopt, std::nullopt});
    for (const auto& task : yearly) {
        OrganisationTask one{std::string(task.name), std::string(task.text), std::nullopt, std::nullopt};
        if (const auto found = done.find(one.name); found != done.end()) {
            one.done = found->second;
            one.due = found->second.at + a_year;
        }
        tasks.push_back(std::move(one));
    }
    return tasks;
}

bool is_yearly_task(std::string_view name) noexcept
{
    return std::ranges::find(yearly, name, &YearlyTask::name) != std::end(yearly);
}

}  // namespace postern::control
