// What is ordered of the reloading thread, and what came of it. Values.
#pragma once

#include "base/clock.hpp"
#include "policy/diagnostic.hpp"
#include "policy/files.hpp"
#include "policy/snapshot.hpp"
#include "store/generation_records.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::gateway {

struct PolicyOrder {
    enum class What {
        reload,    ///< read the directory
        apply,     ///< put `files` in force, and in the directory
        rollback,  ///< the same with the files of `generation`
        confirm,   ///< what is on trial stays
        revert,    ///< what is on trial goes
        check,     ///< would `files` go live? Changes nothing
    } what = What::reload;
    std::string author;  ///< a user; "signal", "files changed"
    store::Arrival arrival = store::Arrival::reload;
    std::string comment{};
    std::shared_ptr<const policy::FileSet> files{};
    std::uint64_t generation = 0;
    std::optional<Duration> trial{};                    ///< apply, rollback: goes back by itself after this
    bool from_afar = false;                             ///< by a connection from another machine
    std::chrono::steady_clock::time_point connected{};  ///< from afar: when that connection was made
    /// From afar: whether the author could order it again under that policy; empty: it is not asked.
    std::function<bool(const policy::Snapshot& policy)> keeps_author{};
    std::uint64_t base = 0;  ///< apply: only on top of this generation; 0: whatever is in force
    std::vector<std::string> lifts{};  ///< apply, rollback: organisations whose suspension it may end
    bool overwrite = false;  ///< even where the directory holds changes that are not in force
};

/// "reload", "apply" ...
[[nodiscard]] std::string_view name_of(PolicyOrder::What what) noexcept;

/// Authors that are nobody.
inline constexpr std::string_view files_changed = "files changed";
inline constexpr std::string_view certificates_changed = "certificates changed";
inline constexpr std::string_view by_signal = "signal";
inline constexpr std::string_view trial_ended = "trial ended";

/// What came of an order.
struct ReloadReport {
    enum class Outcome {
        published,
        unchanged,
        rejected,  ///< the policy is not fit; the alarm "policy" says so
        refused,   ///< the order is not: a trial runs, there is no such generation. No alarm
        checked,   ///< it would go live
    } outcome = Outcome::unchanged;
    PolicyOrder::What what = PolicyOrder::What::reload;
    std::uint64_t generation = 0;  ///< in force afterwards
    Instant at{};
    std::string author;               ///< who or what asked: "files changed", "signal", "root"
    policy::Diagnostics diagnostics;  ///< warnings too
    std::string reason;               ///< of a rejection that has no place in a file
    std::size_t files = 0, files_read = 0;
    std::uint64_t before = 0;              ///< published on trial: what comes back; reverted: what was taken back
    std::optional<Instant> trial_until{};  ///< published on trial
    bool network = false;                  ///< on trial since it changes the network that the order came by
    bool shuts_out = false;                ///< on trial since its author, from afar, could not order it again
    Duration took{};
};

struct RunningTrial {
    std::uint64_t generation = 0;
    std::uint64_t before = 0;  ///< comes back unless it is confirmed
    Instant until{};
    std::string author;
};

}  // namespace postern::gateway
