// A piece of blocking work and whoever waits for it: the common ground of Writer and Workers.
//
// A job is made on the caller's thread, executed on a thread of the store, and completed on the caller's
// executor; ownership moves along. The executor's context must outlive the store's threads.
#pragma once

#include "base/fault.hpp"
#include "store/database.hpp"

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace postern::store {

template <class State>
class Job {
public:
    virtual ~Job() = default;
    /// Does the work and keeps its result; false: the result is a fault. Never throws. May be called again, and
    /// then replaces the result.
    virtual bool execute(State& state) noexcept = 0;
    /// Replaces the result: what the work did has not lasted.
    virtual void fail(const Fault& fault) = 0;
    /// Hands the result to whoever waits; on their executor if they have one. Called once.
    virtual void complete() = 0;
    /// Where to complete; nothing: on the thread of the store.
    [[nodiscard]] virtual const boost::asio::any_io_executor* executor() const noexcept = 0;
    /// Whether the last execution ended in trouble with the storage itself.
    [[nodiscard]] bool storage_trouble() const noexcept { return storage_trouble_; }

protected:
    bool storage_trouble_ = false;
};

template <class State, class T, class Handler>
class WaitedJob final : public Job<State> {
public:
    using Work = std::function<Result<T>(State&)>;
    WaitedJob(Work work, Handler handler, std::optional<boost::asio::any_io_executor> executor)
        : work_(std::move(work)), handler_(std::move(handler)), executor_(std::move(executor))
    {
    }

    bool execute(State& state) noexcept override
    {
        this->storage_trouble_ = false;
        try {
            result_ = work_(state);
        } catch (const StorageFailure& failure) {
            this->storage_trouble_ = failure.is_storage_trouble();
            result_ = std::unexpected(failure.fault());
        } catch (const std::exception& failure) {
            result_ = std::unexpected(Fault(Retry::later, std::string("storage work failed: ") + failure.what()));
        }
        return result_->has_value();
    }
    void fail(const Fault& fault) override { result_ = std::unexpected(fault); }
    void complete() override
    {
        Handler handler = std::move(handler_);
        Result<T> result = std::move(*result_);
        handler(std::move(result));
    }
    [[nodiscard]] const boost::asio::any_io_executor* executor() const noexcept override
    {
        return executor_ ? &*executor_ : nullptr;
    }

private:
    Work work_;
    Handler handler_;
    std::optional<boost::asio::any_io_executor> executor_;  ///< keeps its context running, as outstanding work
    std::optional<Result<T>> result_;
};

/// Completes jobs, with one post for all that share an executor.
template <class State>
void complete_all(std::vector<std::unique_ptr<Job<State>>> jobs)
{
    using Jobs = std::vector<std::unique_ptr<Job<State>>>;
    std::vector<Jobs> groups;
    for (auto& job : jobs) {
        if (!job->executor()) {
            job->complete();
            continue;
        }
        const auto same = std::find_if(groups.begin(), groups.end(), [&](const Jobs& group) {
            return *group.front()->executor() == *job->executor();
        });
        if (same == groups.end())
            groups.emplace_back().push_back(std::move(job));
        else
            same->push_back(std::move(job));
    }
    for (Jobs& group : groups) {
        const boost::asio::any_io_executor executor = *group.front()->executor();
        boost::asio::post(executor, [group = std::move(group)]() mutable {
            for (auto& job : group) {
                job->complete();
                job.reset();
            }
        });
    }
}

/// Makes a job of `work` for a coroutine that awaits it and gives it to `submit(unique_ptr<Job>)`.
template <class State, class T, class Submit>
boost::asio::awaitable<Result<T>> await_job(std::function<Result<T>(State&)> work, Submit submit)
{
    auto initiation = [](auto handler, std::function<Result<T>(State&)> todo, Submit give) {
        auto executor = boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                            boost::asio::execution::outstanding_work.tracked);
        using Waiting = WaitedJob<State, T, decltype(handler)>;
        give(std::make_unique<Waiting>(std::move(todo), std::move(handler),
                                       boost::asio::any_io_executor(std::move(executor))));
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<T>)>(
        std::move(initiation), boost::asio::use_awaitable, std::move(work), std::move(submit));
}

}  // namespace postern::store
