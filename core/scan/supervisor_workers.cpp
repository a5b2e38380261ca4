// Workers as the supervisor has them: forked, handed out, killed, replaced, counted.
#include "scan/supervisor.hpp"

#include <algorithm>

namespace postern::scan {

using namespace std::chrono_literals;

namespace {

constexpr unsigned failures_for_an_alarm = 3;
constexpr std::size_t failures_without_a_pause = 10;  ///< then a worker is replaced at the next tick only
constexpr auto failure_window = 5min;
constexpr auto patience_with_a_kill = 5s;
constexpr auto patience_with_a_fork = 20s;
constexpr auto patience_with_a_load = 10min;  ///< of a signature set, on a slow and busy machine

}  // namespace

void Supervisor::fork_worker(const TreePtr& tree, unsigned slot)
{
    tree->forking.push_back(slot);
    tree->asked = std::chrono::steady_clock::now();
    static_cast<void>(tree->line.send(encode(Notice{Notice::Kind::fork_worker, slot, 0, {}})));
}

void Supervisor::fork_missing()
{
    const auto tree = crew_.current();
    if (!tree || tree->leaving || !tree->forking.empty()) return;
    for (unsigned slot = tree->first_slot; slot < tree->first_slot + settings_.workers; ++slot)
        if (std::ranges::find(tree->workers, slot, &Worker::slot) == tree->workers.end()) fork_worker(tree, slot);
}

void Supervisor::welcome(const TreePtr& tree, const Notice& notice, Descriptor passed)
{
    if (!passed || tree->forking.empty()) return;
    auto worker = std::make_shared<Worker>(Line(io_, std::move(passed)));
    worker->process = static_cast<std::int64_t>(notice.number);
    worker->slot = tree->forking.front();
    worker->tree = tree;
    tree->forking.pop_front();
    tree->workers.push_back(worker);
    settle(tree);
    if (tree == crew_.current()) {
        crew_.use(tree);
        if (tree->trouble.empty()) end_trouble();
    }
    publish_status();
}

// A tree that is to take over does so when all that it was asked for have come or failed: with some worker at least.
void Supervisor::settle(const TreePtr& tree)
{
    if (tree != next_ || !tree->answered || !tree->forking.empty()) return;
    if (tree->workers.empty()) return give_up_on(tree, "its workers could not be started");
    publish(tree);
}

void Supervisor::release(const std::shared_ptr<Worker>& worker)
{
    const auto tree = worker->tree.lock();
    if (tree && tree->leaving) {
        worker->line.close();
        std::erase(tree->workers, worker);
        if (tree->workers.empty()) tree->line.close();
    } else {
        crew_.give_back(worker);
    }
}

// Its tree kills it, tells, and gets a new one.
void Supervisor::discard(const std::shared_ptr<Worker>& worker)
{
    worker->line.close();
    worker->killed = std::chrono::steady_clock::now();
    if (const auto tree = worker->tree.lock())
        static_cast<void>(tree->line.send(
            encode(Notice{Notice::Kind::kill_worker, static_cast<std::uint64_t>(worker->process), 0, {}})));
}

void Supervisor::bury(const TreePtr& tree, std::int64_t process, const std::string& how)
{
    const auto found = std::ranges::find(tree->workers, process, &Worker::process);
    if (found == tree->workers.end()) {
        if (process == 0 && !tree->forking.empty()) miss_worker(tree, how);
        return settle(tree);
    }
    const auto worker = *found;
    const auto why = worker->killed ? "it did not answer within its deadline, or broke off" : how;
    tree->workers.erase(found);
    if (!worker->busy) worker->line.close();
    if (tree->leaving) {
        if (tree->workers.empty()) tree->line.close();
        return;
    }
    metrics_.scanner_workers_replaced += 1;
    log_.warning("scanner worker replaced", {{"process", process}, {"reason", how}});
    count_failure(why);
    if (failures_.size() < failures_without_a_pause) fork_worker(tree, worker->slot);
    settle(tree);
    publish_status();
}

// One that was asked for does not come. For a tree in force it is asked for again at the next tick.
void Supervisor::miss_worker(const TreePtr& tree, const std::string& why)
{
    tree->forking.pop_front();
    log_.warning("scanner worker not started", {{"reason", why}});
    if (tree != crew_.current() || tree->leaving) return;
    count_failure(why);
    if (tree->workers.empty()) raise_down(why);
}

void Supervisor::count_failure(const std::string& why)
{
    const auto now = std::chrono::steady_clock::now();
    failures_.push_back(now);
    forget_failures(now);
    if (failures_.size() >= failures_for_an_alarm)
        alarms_.raise("scanner-failing",
                      std::to_string(failures_.size()) +
                          " times within 5 minutes a worker of the scanner ended or could not be started, the last "
                          "time since " +
                          why + "; the message that it had was deferred. The log has all of them.",
                      {{"reason", why}});
}

void Supervisor::forget_failures(Moment now)
{
    while (!failures_.empty() && failures_.front() + failure_window < now) failures_.pop_front();
    if (failures_.empty()) alarms_.clear("scanner-failing");
}

// A worker that outlives its kill hangs in the kernel: its tree goes, and where that does not help the keeper.
void Supervisor::end_what_hangs(Moment now)
{
    const auto hangs = [now](const auto& worker) {
        return worker->killed && *worker->killed + patience_with_a_kill < now;
    };
    for (const auto& tree : {crew_.current(), draining_}) {
        if (!tree || std::ranges::none_of(tree->workers, hangs)) continue;
        keeper_.tell({Notice::Kind::kill_tree, static_cast<std::uint64_t>(tree->process), 0, {}});
        keeper_asked_ = keeper_asked_.value_or(now);
    }
    const bool quiet = !crew_.current() || std::ranges::none_of(crew_.current()->workers,
                                                                [](const auto& worker) { return !!worker->killed; });
    if (quiet) keeper_asked_.reset();
    if (keeper_asked_ && *keeper_asked_ + patience_with_a_kill < now) {
        keeper_.kill();
        keeper_asked_.reset();
    }
}

// A keeper or a tree that stands still answers nothing: it is ended, and whoever notices its end starts it again.
void Supervisor::end_who_is_silent(Moment now)
{
    if (growing_ && growing_since_ + patience_with_a_fork < now) keeper_.kill();
    if (next_ && !next_->answered) end_silent(next_, growing_since_, patience_with_a_load, now);
    for (const auto& tree : {crew_.current(), next_})
        if (tree && !tree->forking.empty()) end_silent(tree, tree->asked, patience_with_a_fork, now);
}

void Supervisor::end_silent(const TreePtr& tree, Moment asked, std::chrono::seconds patience, Moment now)
{
    if (asked + patience > now) return;
    keeper_.tell({Notice::Kind::kill_tree, static_cast<std::uint64_t>(tree->process), 0, {}});
    if (asked + patience + patience_with_a_kill < now) keeper_.kill();
}

}  // namespace postern::scan
