// The scanner's processes as posternd knows them: trees with their workers, and who waits for one.
//
// Lives on the scanner's I/O context; no thread of its own. Not thread-safe.
#pragma once

#include "base/clock.hpp"
#include "scan/passing.hpp"
#include "scan/protocol.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::scan {

using Moment = std::chrono::steady_clock::time_point;

/// One end of a socket pair, awaited.
class Line {
public:
    Line(boost::asio::io_context& context, Descriptor socket);
    [[nodiscard]] bool send(std::string_view bytes, int passed = -1) noexcept;
    /// The next datagram; nothing when the other side has ended, or `deadline` passed, or close() was called.
    [[nodiscard]] boost::asio::awaitable<std::optional<Datagram>> receive(std::optional<Moment> deadline = {});
    void close() noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with a timer that may fire when the line is gone
};

struct Tree;

struct Worker {
    explicit Worker(Line to_it) : line(std::move(to_it)) {}
    Line line;
    std::int64_t process = 0;
    unsigned slot = 0;
    std::weak_ptr<Tree> tree;
    bool busy = false;
    std::optional<Moment> killed;  ///< when it was asked to go
};

struct Tree {
    explicit Tree(Line to_it) : line(std::move(to_it)) {}
    Line line;
    std::int64_t process = 0;
    unsigned first_slot = 0;
    bool loaded = false;    ///< has signatures
    bool answered = false;  ///< has said whether it has
    bool leaving = false;   ///< takes no new message
    std::string print;      ///< of the signature folder when it began to load
    std::string version;
    std::uint64_t signatures = 0;
    std::uint64_t made = 0;  ///< seconds since 1970
    std::string trouble;
    std::vector<std::shared_ptr<Worker>> workers;
    std::deque<unsigned> forking;  ///< slots of workers that were asked for, in order
    Moment asked{};                ///< when it was last asked for a worker
};

/// Who waits for a worker, first come first served.
class Crew {
public:
    explicit Crew(boost::asio::io_context& context) : context_(context) {}

    /// An idle worker of the current tree; nothing when `deadline` passes first, or everything ends.
    [[nodiscard]] boost::asio::awaitable<std::shared_ptr<Worker>> take(Moment deadline);
    /// The worker is free again: for whoever waits longest.
    void give_back(const std::shared_ptr<Worker>& worker);
    /// New messages go to this tree; null: to none.
    void use(std::shared_ptr<Tree> tree);
    /// Nobody who waits gets a worker.
    void dismiss();

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] const std::shared_ptr<Tree>& current() const noexcept { return current_; }

private:
    struct Waiter {
        boost::asio::steady_timer timer;
        std::shared_ptr<Worker> worker;
    };
    [[nodiscard]] std::shared_ptr<Worker> idle() const;
    void serve();

    boost::asio::io_context& context_;
    std::shared_ptr<Tree> current_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace postern::scan
