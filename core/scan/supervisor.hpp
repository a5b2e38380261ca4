// Looks after the scanner's processes: starts them, replaces what crashes, hangs or bloats, and swaps signature sets
// under load.
//
// Lives on the scanner's I/O context, which it keeps itself alive on; not thread-safe, but for what says otherwise.
// supervisor.cpp has the keeper and the trees, supervisor_workers.cpp their workers. See keeper for the other side.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ports/alarms.hpp"
#include "ports/inspector.hpp"
#include "ports/metrics.hpp"
#include "scan/crew.hpp"
#include "scan/keeper_process.hpp"
#include "scan/signature_folder.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace postern::scan {

class Supervisor final : public std::enable_shared_from_this<Supervisor> {
public:
    Supervisor(boost::asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics,
               ports::Alarms& alarms, const vocabulary::Scanner& settings, ScannerPlace place);

    void spawn() { keeper_.spawn(settings_); }
    void start();
    void follow(const vocabulary::Scanner& settings);
    void stop();
    void end() noexcept { keeper_.end(); }

    /// Called whenever messages go to another signature set than before.
    void on_swap(std::function<void()> heed) { swapped_ = std::move(heed); }

    [[nodiscard]] Crew& crew() noexcept { return crew_; }
    [[nodiscard]] Duration deadline() const noexcept { return settings_.deadline; }
    /// Why viruses can't be looked for now; empty: they can, or nothing is known yet.
    [[nodiscard]] std::string no_signatures() const;
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }

    /// The worker has answered, and takes the next message or ends with its tree.
    void release(const std::shared_ptr<Worker>& worker);
    /// It did not answer: it is killed, and another comes.
    void discard(const std::shared_ptr<Worker>& worker);

    /// As it was a moment ago. Thread-safe.
    [[nodiscard]] ports::InspectorStatus status() const;

private:
    struct Growing {
        unsigned first_slot = 0;
        std::string print;
    };
    using TreePtr = std::shared_ptr<Tree>;
    using WorkerPtr = std::shared_ptr<Worker>;
    using Self = std::shared_ptr<Supervisor>;  ///< what a coroutine holds as long as it runs

    // the keeper and its trees
    [[nodiscard]] boost::asio::awaitable<void> watch_keeper(Self self);
    void heed_keeper(const Notice& notice, Descriptor passed);
    void lose_keeper();
    void warn(const std::string& warning);
    void grow_tree();
    [[nodiscard]] boost::asio::awaitable<void> watch_tree(Self self, TreePtr tree);
    void heed_tree(const TreePtr& tree, const Notice& notice, Descriptor passed);
    void lose_tree(const TreePtr& tree);
    void take_over(const TreePtr& tree);
    void turn_down(const TreePtr& tree);
    void give_up_on(const TreePtr& tree, const std::string& why);
    void publish(const TreePtr& tree);
    void let_go(const TreePtr& tree);
    /// The set is no good: until its files change.
    void reject_set(const std::string& why);
    /// The set may be good, but can't be loaded at the moment.
    void put_off_set(const std::string& why);
    void raise_rejected(const std::string& why, const std::string& again);
    void raise_down(const std::string& why);
    void end_trouble();
    /// For viruses, and nobody has declared that this is meant so.
    [[nodiscard]] bool looks_for_nothing() const { return settings_.signatures.empty() && !settings_.wants_none; }

    // each second
    [[nodiscard]] boost::asio::awaitable<void> tend(Self self);
    void watch_for_none(Moment now);
    void watch_signatures(Moment now);
    void watch_age();
    void publish_status();

    // workers
    void fork_worker(const TreePtr& tree, unsigned slot);
    void fork_missing();
    void settle(const TreePtr& tree);
    void welcome(const TreePtr& tree, const Notice& notice, Descriptor passed);
    void bury(const TreePtr& tree, std::int64_t process, const std::string& how);
    void miss_worker(const TreePtr& tree, const std::string& why);
    void count_failure(const std::string& why);
    void forget_failures(Moment now);
    void end_what_hangs(Moment now);
    void end_who_is_silent(Moment now);
    void end_silent(const TreePtr& tree, Moment asked, std::chrono::seconds patience, Moment now);

    boost::asio::io_context& io_;
    const Clock& clock_;
    Log& log_;
    ports::Metrics& metrics_;
    ports::Alarms& alarms_;
    vocabulary::Scanner settings_;
    KeeperProcess keeper_;
    Crew crew_;
    SignatureWatch folder_;
    std::function<void()> swapped_;
    std::optional<Growing> growing_;  ///< a tree was asked for and has not come yet
    Moment growing_since_{};
    Moment set_waits_until_{};  ///< what is in the folder is not loaded before
    TreePtr next_;              ///< loads
    TreePtr draining_;          ///< finishes its messages
    boost::asio::steady_timer ticker_;
    boost::asio::steady_timer keeper_pause_;
    std::deque<Moment> failures_;
    std::optional<Moment> keeper_asked_;  ///< to end a tree whose worker hangs in the kernel
    std::vector<std::string> warnings_;
    std::string trouble_;
    bool too_old_ = false;
    bool stopping_ = false;
    mutable std::mutex mutex_;
    ports::InspectorStatus shown_;  // under mutex_
};

}  // namespace postern::scan
