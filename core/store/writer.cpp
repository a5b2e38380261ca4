#include "store/writer.hpp"

#include "store/checkpointer.hpp"

#include <pthread.h>
#include <sqlite3.h>

namespace postern::store {

namespace {

constexpr std::chrono::seconds between_probes{1};

// The header page is written even when the value stays the same.
Result<void> rewrite_header(Database& database)
{
    std::int64_t version = 0;
    {
        Query query = database.query("PRAGMA user_version");
        if (query.next()) version = query.integer(0);
    }
    database.script("PRAGMA user_version=" + std::to_string(version));
    return {};
}

Writer::Options completed(Writer::Options options)
{
    if (!options.probe) options.probe = rewrite_header;
    return options;
}

}  // namespace

Writer::Writer(Database database, Options options)
    : database_(std::move(database)),
      options_(completed(std::move(options))),
      checkpointer_(std::make_unique<Checkpointer>(database_.file()))
{
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
        serve();
    });
}

Writer::~Writer()
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Writer::report_trouble() noexcept
{
    failures_.fetch_add(1, std::memory_order_relaxed);
    {
        const std::lock_guard lock(mutex_);
        if (!failing_) probed_ = std::chrono::steady_clock::now();
        failing_ = true;
    }
    wake_.notify_one();
}

Writer::Counters Writer::counters() const noexcept
{
    return {.commits = commits_.load(std::memory_order_relaxed),
            .jobs = jobs_.load(std::memory_order_relaxed),
            .failures = failures_.load(std::memory_order_relaxed)};
}

void Writer::submit(std::unique_ptr<WriteJob> job, Urgency urgency)
{
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() < options_.longest_queue) {
            if (urgency == Urgency::now) ++urgent_;
            if (queue_.empty()) relaxed_since_ = std::chrono::steady_clock::now();
            queue_.push_back(std::move(job));
            if (urgency == Urgency::now || queue_.size() == 1) wake_.notify_one();
            return;
        }
    }
    job->fail(Fault(Retry::later, "too many writes wait for the disk"));
    Jobs one;
    one.push_back(std::move(job));
    complete_all(std::move(one));
}

void Writer::serve()
{
    while (wait_for_work()) {
        Jobs jobs = take_batch();
        if (!jobs.empty()) {
            commit(jobs);
            complete_all(std::move(jobs));
        }
        upkeep();
    }
}

/// False when there is nothing left and the writer is to stop. Wakes without work when a probe is due.
bool Writer::wait_for_work()
{
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return stopping_ || urgent_ > 0; };
    while (!ready()) {
        auto until = std::chrono::steady_clock::time_point::max();
        if (!queue_.empty()) until = relaxed_since_ + options_.relaxed_delay;
        if (failing_) until = std::min(until, probed_ + between_probes);
        if (until == std::chrono::steady_clock::time_point::max())
            wake_.wait(lock);
        else if (std::chrono::steady_clock::now() >= until || wake_.wait_until(lock, until) == std::cv_status::timeout)
            return true;
    }
    return !queue_.empty() || !stopping_;
}

Writer::Jobs Writer::take_batch()
{
    const std::lock_guard lock(mutex_);
    Jobs jobs;
    const std::size_t count = std::min(queue_.size(), options_.largest_batch);
    jobs.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        jobs.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    // What is left behind has waited long enough, whatever it was submitted as.
    urgent_ = queue_.size();
    return jobs;
}

void Writer::give_back(Jobs& jobs, std::size_t from)
{
    const std::lock_guard lock(mutex_);
    for (std::size_t i = jobs.size(); i > from; --i) {
        queue_.push_front(std::move(jobs[i - 1]));
        ++urgent_;
    }
    jobs.resize(from);
}

// All jobs share one transaction without savepoints, which would copy every page once more for each job. Only
// when one fails after it has written is everything undone and done again with each job in a savepoint.
void Writer::commit(Jobs& jobs)
{
    try {
        database_.run("BEGIN IMMEDIATE");
        bool undo = false;
        give_back(jobs, execute_together(jobs, undo));
        if (undo) {
            roll_back();
            if (jobs.size() > 1) {
                database_.run("BEGIN IMMEDIATE");
                give_back(jobs, execute_apart(jobs));
            }
        }
        end_transaction(jobs);
    } catch (const StorageFailure& failure) {
        fail_all(jobs, failure);
    }
}

/// Number of jobs executed; the rest found no time. Sets `undo` if one failed that had written something.
std::size_t Writer::execute_together(Jobs& jobs, bool& undo)
{
    const auto deadline = std::chrono::steady_clock::now() + options_.longest_batch;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::int64_t before = database_.total_changes();
        const std::size_t actions = database_.actions().size();
        if (!jobs[i]->execute(database_)) {
            database_.actions().resize(actions);
            if (database_.total_changes() != before || !database_.in_transaction()) undo = true;
        }
        if (undo) return jobs.size();
        if (std::chrono::steady_clock::now() >= deadline) return i + 1;
    }
    return jobs.size();
}

/// Number of jobs executed; the rest found no time.
std::size_t Writer::execute_apart(Jobs& jobs)
{
    const auto deadline = std::chrono::steady_clock::now() + options_.longest_batch;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        database_.run("SAVEPOINT job");
        const std::size_t actions = database_.actions().size();
        if (!jobs[i]->execute(database_)) {
            database_.actions().resize(actions);
            if (!database_.in_transaction())
                throw StorageFailure(SQLITE_IOERR, "write", "the transaction was given up");
            database_.run("ROLLBACK TO job");
        }
        database_.run("RELEASE job");
        if (std::chrono::steady_clock::now() >= deadline) return i + 1;
    }
    return jobs.size();
}

void Writer::end_transaction(Jobs& jobs)
{
    if (database_.in_transaction()) database_.run("COMMIT");
    commits_.fetch_add(1, std::memory_order_relaxed);
    jobs_.fetch_add(jobs.size(), std::memory_order_relaxed);
    for (const auto& job : jobs)
        if (job->storage_trouble()) report_trouble();
    const auto actions = std::exchange(database_.actions(), {});
    for (const auto& action : actions) action();
}

void Writer::fail_all(Jobs& jobs, const StorageFailure& failure)
{
    roll_back();
    const Fault fault = failure.fault().about(database_.file().string());
    for (auto& job : jobs) job->fail(fault);
    if (failure.is_storage_trouble())
        report_trouble();
    else
        failures_.fetch_add(1, std::memory_order_relaxed);
}

void Writer::roll_back() noexcept
{
    database_.actions().clear();
    try {
        if (database_.in_transaction()) database_.run("ROLLBACK");
    } catch (const StorageFailure&) {  // then SQLite has rolled back by itself, or BEGIN will say what is wrong
    }
}

void Writer::upkeep()
{
    try {
        checkpointer_->after_commit(database_);
    } catch (const StorageFailure& failure) {
        if (failure.is_storage_trouble()) report_trouble();
    }
    if (!failing_) return;
    {
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (now - probed_ < between_probes) return;
        probed_ = now;
    }
    probe();
}

void Writer::probe()
{
    try {
        if (options_.probe(database_)) failing_ = false;
    } catch (const StorageFailure&) {
        roll_back();  // still failing; asked again in a second
    }
}

}  // namespace postern::store
