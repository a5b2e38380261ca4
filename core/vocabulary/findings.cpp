#include "vocabulary/findings.hpp"

#include <algorithm>

namespace postern::vocabulary {

namespace {

constexpr std::array<ObstacleInfo, obstacle_count> table{{
    {"encrypted", "An archive or document with a password", "an attachment is locked with a password",
     FindingVerdict::quarantine},
    {"broken", "A file that ends or breaks within", "an attachment is damaged, or not what it says",
     FindingVerdict::quarantine},
    {"macros", "A document that carries macros", "a document carries macros", FindingVerdict::accept},
    {"depth", "Archives deeper than node.yaml's archive_depth, or parts deeper than 20",
     "its attachments are packed within each other too deeply", FindingVerdict::reject},
    {"files", "More files than node.yaml's archive_files, or more than 1000 parts",
     "its attachments hold too many files", FindingVerdict::reject},
    {"size", "More unpacked than node.yaml's archive_size", "its attachments are too large when unpacked",
     FindingVerdict::reject},
    {"time", "It took too long to look into", "its attachments take too long to look into", FindingVerdict::reject},
}};

constexpr std::array<std::string_view, 5> verdicts{"accept", "tag", "defer", "quarantine", "reject"};

static_assert(std::ranges::equal(table, obstacle_names, {}, &ObstacleInfo::name));

}  // namespace

const std::array<ObstacleInfo, obstacle_count>& obstacles() noexcept
{
    return table;
}

const ObstacleInfo& info(Obstacle obstacle) noexcept
{
    return table[static_cast<std::size_t>(obstacle)];
}

std::optional<Obstacle> find_obstacle(std::string_view name) noexcept
{
    const auto found = std::ranges::find(obstacle_names, name);
    if (found == obstacle_names.end()) return {};
    return static_cast<Obstacle>(found - obstacle_names.begin());
}

std::string_view name_of(FindingVerdict verdict) noexcept
{
    return verdicts[static_cast<std::size_t>(verdict)];
}

std::optional<FindingVerdict> find_finding_verdict(std::string_view name) noexcept
{
    const auto found = std::ranges::find(verdicts, name);
    if (found == verdicts.end()) return {};
    return static_cast<FindingVerdict>(found - verdicts.begin());
}

}  // namespace postern::vocabulary
