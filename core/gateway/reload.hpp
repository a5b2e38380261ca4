// Reload: read and validate -> compile -> run the policy's tests -> prepare listeners and TLS -> archive -> publish.
//
// A thread of its own does all of it, one order after the other: on request, on SIGHUP, or when the policy's files (or
// the certificates it names) have changed and then been quiet for a while. A new generation goes live only if all of it
// is valid and archived; otherwise the old one stays in force, and the log, the alarms and status() say why.
//
// A trial is a generation that goes live without the directory being touched: unless it is confirmed in time, the
// generation before it comes back as it was, and so it does when the engine ends. While one runs, nothing else goes
// live: orders are refused, and files that change are read when it has ended. A change of an appliance's network
// that is ordered from afar is always a trial, and only a connection that was made after it confirms it; so is a policy
// under which who orders it from afar could not order anything any more: somebody who can confirms it.
#pragma once

#include "gateway/archive.hpp"
#include "gateway/intake.hpp"
#include "gateway/policy_folder.hpp"
#include "gateway/reload_report.hpp"
#include "gateway/services.hpp"
#include "gateway/watch.hpp"
#include "policy/loader.hpp"

#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace postern::gateway {

/// Runs a policy's own tests (the files under tests/) against it; what fails is an error among the diagnostics. `stop`
/// says why they should be given up, and is empty while they may go on; it is thread-safe.
using PolicyTests = std::function<policy::Diagnostics(const policy::SnapshotPtr& policy, const policy::FileSet& files,
                                                      std::function<std::string()> stop)>;

class Reload {
public:
    Reload(std::filesystem::path directory, const Clock& clock, Log& log, ports::Metrics& metrics,
           ports::Alarms& alarms, Generations& generations, store::MailStore& store, Intake& intake,
           PolicyTests tests = {}, const ports::ScriptMaker* scripts = nullptr);
    ~Reload();

    /// The first load, of a policy that was read already (for where the store is): publishes, or says why not.
    /// Blocking.
    [[nodiscard]] ReloadReport start();
    /// Begins to watch. `published` is called on the reloading thread after each new generation; `by_itself` as well,
    /// with what came of a change that nobody ordered by the control protocol, where it was published or rejected.
    void watch(std::function<void()> published, std::function<void(const ReloadReport&)> by_itself = {});
    /// Gives an order; the future is ready when it is done. Any thread. After stop() it is refused.
    [[nodiscard]] std::future<ReloadReport> request(PolicyOrder order);
    /// What the last change, or attempt at one, came to. Orders that were refused for what they are do not count.
    [[nodiscard]] ReloadReport last() const;
    /// The trial that runs, if any.
    [[nodiscard]] std::optional<RunningTrial> trial() const;
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
    void stop();

private:
    using Steady = std::chrono::steady_clock;
    struct Waiting {
        PolicyOrder order;
        std::promise<ReloadReport> done;
    };
    /// What is put to the test before it goes live.
    struct Candidate {
        policy::Loader& loader;  ///< has just loaded it
        policy::Loaded loaded;
        policy::FileSet files;
    };
    /// What a trial goes back to.
    struct OnTrial {
        RunningTrial said;
        Steady::time_point ends;
        GenerationPtr before;
        std::shared_ptr<const policy::FileSet> files;
        bool network = false;  ///< it changes what a connection from afar hangs on
        Steady::time_point began{};
        bool told_of_changes = false;
    };

    // --- the thread (reload.cpp) ---
    void run();
    void wait(Steady::time_point until);
    void answer_orders(std::optional<Steady::time_point>& due);
    void refuse_waiting();
    void look_after_files(std::optional<Steady::time_point>& due);
    [[nodiscard]] ReloadReport carry_out(const PolicyOrder& order);
    void tell(const ReloadReport& report);
    void tell_rejected(const ReloadReport& report);
    void tell_of_changes_during_trial();
    [[nodiscard]] std::string beside_signature() const;
    void poke();

    // --- orders (reload_orders.cpp) ---
    [[nodiscard]] ReloadReport obey(const PolicyOrder& order);
    [[nodiscard]] ReloadReport reload(const PolicyOrder& order);
    [[nodiscard]] ReloadReport put_in_force(const PolicyOrder& order);
    [[nodiscard]] ReloadReport confirm(const PolicyOrder& order);
    [[nodiscard]] ReloadReport revert(const PolicyOrder& order);
    [[nodiscard]] ReloadReport check(const PolicyOrder& order);
    [[nodiscard]] Result<std::shared_ptr<const policy::FileSet>> files_of(const PolicyOrder& order);
    [[nodiscard]] Result<void> directory_is(const policy::Snapshot& policy, bool overwrite);
    [[nodiscard]] std::optional<ReloadReport> too_soon(const PolicyOrder& order) const;
    void lay_out_trial();
    void end_trial(store::Trial how);
    void close_interrupted_trial(const ReloadReport& report);

    // --- going live (reload_publish.cpp) ---
    [[nodiscard]] Candidate load(policy::Loader& loader);
    [[nodiscard]] std::uint64_t number_for(const std::string& hash) const;
    [[nodiscard]] static ReloadReport begin_report(Candidate& candidate);
    static void finish_report(ReloadReport& report, const Result<void>& done);
    [[nodiscard]] bool tests_hold(Candidate& candidate, ReloadReport& report);
    [[nodiscard]] std::string why_tests_end(Steady::time_point latest);
    [[nodiscard]] store::GenerationRecord record_of(const Candidate& candidate, const PolicyOrder& order) const;
    [[nodiscard]] Result<void> go_live(Candidate& candidate, const PolicyOrder& order, ReloadReport& report);
    void drop_old_generations(Duration age);
    void publish_again(const GenerationPtr& generation);
    void renew_certificates();

    std::filesystem::path directory_;
    const Clock& clock_;
    Log& log_;
    ports::Metrics& metrics_;
    ports::Alarms& alarms_;
    Generations& generations_;
    Intake& intake_;
    const PolicyTests tests_;
    const ports::ScriptMaker* scripts_;  // may be null
    Archive archive_;
    PolicyFolder folder_;
    policy::Loader loader_;  // of the directory
    PolicyWatch watch_;
    std::function<void()> published_;
    std::function<void(const ReloadReport&)> by_itself_;
    std::string beside_seen_;   // when the generation in force was published
    std::string beside_tried_;  // at the last reload, whatever came of it
    Steady::time_point prune_after_{};
    std::optional<OnTrial> on_trial_;
    std::optional<store::GenerationRecord> interrupted_;  // a trial under way when the engine ended

    mutable std::mutex mutex_;
    std::deque<Waiting> orders_;         // under mutex_
    ReloadReport last_;                  // under mutex_
    std::optional<RunningTrial> trial_;  // under mutex_: what trial() says
    bool stop_ = false;                  // under mutex_
    int poke_ = -1;                      // eventfd
    std::thread thread_;
};

}  // namespace postern::gateway
