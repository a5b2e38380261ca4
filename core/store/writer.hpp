// The one thread that writes to a database: everything that waits is committed together, and shares one flush.
//
// Owned by the store it serves. Work is submitted from any thread and completes on the caller's executor, after
// the commit that made it durable. A piece of work that fails is undone alone. A commit that fails is the fault
// of all in it; the writer then probes once a second until the storage takes writes again.
#pragma once

#include "store/job.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

namespace postern::store {

class Checkpointer;

/// Whether somebody waits for the flush, or the work may wait a moment for one that comes anyway.
enum class Urgency { now, relaxed };

class Writer {
public:
    struct Options {
        std::string name = "writer";                   ///< of the thread, at most 15 bytes
        std::size_t longest_queue = 16'384;            ///< pieces of work; more are refused with Retry::later
        std::size_t largest_batch = 512;               ///< pieces of work in one commit
        std::chrono::milliseconds longest_batch{50};   ///< after this long, a commit takes no more work
        std::chrono::milliseconds relaxed_delay{3};    ///< longest wait of relaxed work for a commit to share
        std::function<Result<void>(Database&)> probe;  ///< a write that shows whether storage works; has a default
    };

    /// The database has its schema already.
    Writer(Database database, Options options);
    explicit Writer(Database database) : Writer(std::move(database), Options{}) {}
    ~Writer();  ///< finishes what was submitted
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Runs `work` in a transaction; durable when it returns a value. A fault returned or StorageFailure thrown by
    /// `work` undoes what it wrote. `work` may be called more than once (when another in its commit failed), so it
    /// must leave what it captured fit for that. Not cancellable.
    template <class T>
    [[nodiscard]] boost::asio::awaitable<Result<T>> run(std::function<Result<T>(Database&)> work,
                                                        Urgency urgency = Urgency::now)
    {
        return await_job<Database, T>(std::move(work), Submit{this, urgency});
    }

    /// The same for threads that may block. Not from the writer's own thread.
    template <class T>
    [[nodiscard]] Result<T> run_blocking(std::function<Result<T>(Database&)> work)
    {
        std::promise<Result<T>> promise;
        auto done = [&promise](Result<T> result) { promise.set_value(std::move(result)); };
        submit(std::make_unique<WaitedJob<Database, T, decltype(done)>>(std::move(work), done, std::nullopt),
               Urgency::now);
        return promise.get_future().get();
    }

    /// Whether the storage failed and no write has succeeded since.
    [[nodiscard]] bool failing() const noexcept { return failing_.load(std::memory_order_relaxed); }
    /// For storage trouble met elsewhere (body files).
    void report_trouble() noexcept;

    struct Counters {
        std::uint64_t commits = 0, jobs = 0, failures = 0;
    };
    [[nodiscard]] Counters counters() const noexcept;

private:
    using WriteJob = Job<Database>;
    using Jobs = std::vector<std::unique_ptr<WriteJob>>;
    struct Submit {
        Writer* writer;
        Urgency urgency;
        void operator()(std::unique_ptr<WriteJob> job) const { writer->submit(std::move(job), urgency); }
    };

    void submit(std::unique_ptr<WriteJob> job, Urgency urgency);
    void serve();
    [[nodiscard]] bool wait_for_work();
    [[nodiscard]] Jobs take_batch();
    void give_back(Jobs& jobs, std::size_t from);
    void commit(Jobs& jobs);
    [[nodiscard]] std::size_t execute_together(Jobs& jobs, bool& undo);
    [[nodiscard]] std::size_t execute_apart(Jobs& jobs);
    void end_transaction(Jobs& jobs);
    void fail_all(Jobs& jobs, const StorageFailure& failure);
    void roll_back() noexcept;
    void upkeep();
    void probe();

    Database database_;
    const Options options_;
    std::unique_ptr<Checkpointer> checkpointer_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::unique_ptr<WriteJob>> queue_;
    std::size_t urgent_ = 0;
    std::chrono::steady_clock::time_point relaxed_since_{};
    bool stopping_ = false;

    std::chrono::steady_clock::time_point probed_{};
    std::atomic<bool> failing_ = false;
    std::atomic<std::uint64_t> commits_ = 0, jobs_ = 0, failures_ = 0;
    std::thread thread_;
};

}  // namespace postern::store
