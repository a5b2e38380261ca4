// The engine's I/O threads: one io_context each, one thread for each.
//
// Built by main(), outlives every session. An object that lives on context i is touched by thread i alone; that
// thread is its strand. Any thread may post.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace postern::net {

class Reactors {
public:
    /// `count` contexts, at least 1; 0 means one for each core. No thread runs before start().
    explicit Reactors(std::size_t count = 0);
    /// Stops and joins. Coroutines that still wait are destroyed with their context.
    ~Reactors();
    Reactors(const Reactors&) = delete;
    Reactors& operator=(const Reactors&) = delete;

    void start();
    /// Makes all threads return from what they run next, and joins them. Pending work is not finished: drain first.
    void stop();

    [[nodiscard]] std::size_t size() const noexcept { return contexts_.size(); }
    [[nodiscard]] boost::asio::io_context& context(std::size_t index) noexcept { return *contexts_[index]; }

    /// Runs a copy of `work(index)` on each thread, later. Safe from any thread.
    template <class Work>
    void post_to_all(Work work)
    {
        for (std::size_t i = 0; i < contexts_.size(); ++i)
            boost::asio::post(*contexts_[i], [work, i]() mutable { work(i); });
    }

private:
    using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::vector<Guard> guards_;
    std::vector<std::thread> threads_;
};

}  // namespace postern::net
