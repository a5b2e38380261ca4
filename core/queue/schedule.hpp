// Which delivery is tried when, and by how many connections at one time.
//
// Deliveries come fresh from the accept path or are claimed from the store when due. Each goes to the lane of its
// next hop; workers (coroutines of the Courier) serve a lane over kept connections. Thread-safe; no lock is held
// over an await. What is in memory is bounded by Places; everything here is lost without harm, since the
// store has it all.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "net/reactors.hpp"
#include "queue/courier.hpp"
#include "queue/places.hpp"
#include "store/mail_store.hpp"

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace postern::queue {

struct ScheduleLimits {
    std::uint64_t deliveries = 4000;                ///< in memory
    std::uint64_t content_bytes = 24ULL << 20;      ///< of contents in memory
    Duration lease{std::chrono::hours{24}};         ///< of a claim; longer than any attempt may last
    std::uint64_t waiting_anyway = 100;             ///< for one next hop, however full the memory is
    Duration look_again{std::chrono::seconds{30}};  ///< for due deliveries, whatever was heard
};

/// The deliveries that wait for one next hop, and the workers that serve it. Guarded by Schedule.
class Lane {
public:
    explicit Lane(std::string name) : name_(std::move(name)) {}
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    friend class Schedule;
    struct Waiter;
    std::string name_;
    std::deque<Ready> waiting_;
    std::deque<std::shared_ptr<Waiter>> idle_;
    unsigned workers_ = 0;
    unsigned concurrency_ = 1;
    Instant moved_{};        ///< when a delivery last left for its next hop
    unsigned failures_ = 0;  ///< connections that failed since the last that did not
    std::optional<std::pair<Instant, Fault>> down_;
};

class Schedule {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    Schedule(net::Reactors& reactors, store::MailStore& store, const Clock& clock, Log& log,
             ScheduleLimits limits = {});
    ~Schedule();

    /// Before run() and offer(): who carries. Must outlive the schedule's work.
    void carry_by(Courier& courier) { courier_ = &courier; }
    /// Claims what is due, again and again, until stop(). Spawn once, on reactor 0.
    [[nodiscard]] Async<void> run();
    /// Workers end after their present delivery; run() returns.
    void stop();

    /// A place for a fresh delivery, or nothing: then commit it unclaimed, the store keeps it until there is room.
    [[nodiscard]] std::optional<Place> place(std::uint64_t bytes) { return places_.take(bytes); }
    /// Takes a claimed delivery to its lane.
    void offer(Ready ready);
    /// Back to the store with everything that only waits for its turn: an act on the queue is to be seen there.
    [[nodiscard]] Async<void> give_back_waiting();
    /// Something may be due at `at`: look in the store then.
    void due(Instant at);

    // --- for workers ------------------------------------------------------------------------------------------
    /// The next delivery of the lane, waiting up to `idle` for one; nothing: the worker must end.
    [[nodiscard]] Async<std::optional<Ready>> next(LanePtr lane, Duration idle);
    /// The next hop could not be reached or proved: until `until` nobody tries, and `why` answers for it.
    void mark_down(Lane& lane, Instant until, Fault why);
    void mark_up(Lane& lane);
    /// An administrator wants all next hops tried now, whatever was found before.
    void mark_all_up();
    /// Why the lane is not to be tried now.
    [[nodiscard]] std::optional<Fault> down(Lane& lane) const;
    /// Whether other workers serve this lane too.
    [[nodiscard]] bool shared(Lane& lane) const;
    /// Connections that failed in a row.
    [[nodiscard]] unsigned failures(Lane& lane) const;

    struct LaneView {
        std::string name;
        std::size_t waiting = 0;
        unsigned workers = 0;
        bool down = false;
        unsigned failures = 0;  ///< connections that failed in a row
        std::string reason;
    };
    [[nodiscard]] std::vector<LaneView> lanes() const;
    [[nodiscard]] std::uint64_t in_memory() const noexcept { return places_.taken(); }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    /// Whether a worker has not ended yet, or a delivery is being settled.
    [[nodiscard]] bool busy() const;

private:
    [[nodiscard]] Async<std::size_t> claim_some();
    [[nodiscard]] Async<Duration> time_to_wait();
    [[nodiscard]] Async<void> settle(Ready ready);
    [[nodiscard]] Async<void> give_back(std::vector<Ready> taken, Instant when);
    [[nodiscard]] bool is_full(const Lane& lane) const;
    [[nodiscard]] LanePtr lane_named(const std::string& name);
    void spawn_worker(const LanePtr& lane);
    [[nodiscard]] Async<void> work(LanePtr lane);
    void worker_ended(const LanePtr& lane);
    void forget_if_unused(const LanePtr& lane);
    void wake();

    net::Reactors& reactors_;
    store::MailStore& store_;
    const Clock& clock_;
    Log& log_;
    ScheduleLimits limits_;
    Courier* courier_ = nullptr;
    Places places_;
    boost::asio::steady_timer timer_;  // on reactor 0
    std::atomic<bool> stopping_{false};
    std::atomic<bool> woken_{false};
    std::atomic<std::int64_t> wake_at_{0};  // micros; when run() looks again
    std::atomic<std::size_t> next_reactor_{0};
    std::atomic<std::size_t> settling_{0};
    mutable std::mutex mutex_;
    std::map<std::string, LanePtr> lanes_;
};

}  // namespace postern::queue
