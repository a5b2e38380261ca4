// Threads for work that blocks: reading through SQLite, reading and writing body files.
//
// Each thread owns one State (a read-only Database, or nothing); work is awaited from any executor and completes
// there. The destructor finishes what was submitted. Every executor that waits must outlive the workers.
#pragma once

#include "store/job.hpp"

#include <pthread.h>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace postern::store {

template <class State>
class Workers {
public:
    /// One thread for each state. At most `longest_queue` pieces of work wait; more are refused with Retry::later.
    Workers(std::vector<State> states, const std::string& name, std::size_t longest_queue = 16'384)
        : states_(std::move(states)), longest_queue_(longest_queue)
    {
        for (State& state : states_)
            threads_.emplace_back([this, &state, name] {
                pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
                serve(state);
            });
    }
    ~Workers()
    {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// Runs `work` on one of the threads. A StorageFailure that it throws is the Fault.
    template <class T>
    [[nodiscard]] boost::asio::awaitable<Result<T>> run(std::function<Result<T>(State&)> work)
    {
        return await_job<State, T>(std::move(work), Submit{this});
    }

    /// Runs `work` some time, with nobody waiting for it.
    void post(std::function<void(State&)> work)
    {
        auto todo = [work = std::move(work)](State& state) -> Result<void> {
            work(state);
            return {};
        };
        auto nobody = [](Result<void>) {};
        submit(std::make_unique<WaitedJob<State, void, decltype(nobody)>>(std::move(todo), nobody, std::nullopt));
    }

private:
    struct Submit {
        Workers* workers;
        void operator()(std::unique_ptr<Job<State>> job) const { workers->submit(std::move(job)); }
    };

    void submit(std::unique_ptr<Job<State>> job)
    {
        {
            const std::lock_guard lock(mutex_);
            if (queue_.size() < longest_queue_) {
                queue_.push_back(std::move(job));
                wake_.notify_one();
                return;
            }
        }
        job->fail(Fault(Retry::later, "too much reading waits for the disk"));
        finish(std::move(job));
    }

    void serve(State& state)
    {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            auto job = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            job->execute(state);
            finish(std::move(job));
            lock.lock();
        }
    }

    static void finish(std::unique_ptr<Job<State>> job)
    {
        std::vector<std::unique_ptr<Job<State>>> one;
        one.push_back(std::move(job));
        complete_all(std::move(one));
    }

    std::vector<State> states_;
    const std::size_t longest_queue_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::unique_ptr<Job<State>>> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

/// Read-only connections, each on a thread of its own.
using Readers = Workers<Database>;
/// Opens `count` read-only connections; the file must exist and have its schema. Blocking.
[[nodiscard]] Result<std::unique_ptr<Readers>> open_readers(const std::filesystem::path& file, std::size_t count,
                                                            const std::string& name);

}  // namespace postern::store
