#include "queue/schedule.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>

namespace postern::queue {

namespace asio = boost::asio;

namespace {

constexpr std::size_t claim_at_once = 200;
constexpr std::size_t give_back_at_once = 200;

asio::awaitable<void> sleep_on(asio::steady_timer& timer)
{
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

/// A worker that waits for its lane's next delivery; the timer is on the worker's thread.
struct Lane::Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    std::optional<Ready> given;  // under the schedule's mutex
};

Schedule::Schedule(net::Reactors& reactors, store::MailStore& store, const Clock& clock, Log& log,
                   ScheduleLimits limits)
    : reactors_(reactors),
      store_(store),
      clock_(clock),
      log_(log),
      limits_(limits),
      places_(limits.deliveries, limits.content_bytes, [this] { wake(); }),
      timer_(reactors.context(0))
{
}

Schedule::~Schedule() = default;

Schedule::Async<void> Schedule::run()
{
    while (!stopping_) {
        woken_ = false;
        const std::size_t claimed = co_await claim_some();
        if (claimed == claim_at_once) continue;
        const Duration wait = co_await time_to_wait();
        // A wake-up that came meanwhile must not be slept through.
        if (stopping_ || woken_) continue;
        timer_.expires_after(wait);
        wake_at_ = to_micros(clock_.now() + wait);
        co_await sleep_on(timer_);
        wake_at_ = 0;
    }
}

Schedule::Async<std::size_t> Schedule::claim_some()
{
    const std::size_t room = std::min<std::uint64_t>(places_.free(), claim_at_once);
    if (room == 0) {
        places_.want();
        co_return 0;
    }
    const Instant now = clock_.now();
    auto claimed = co_await store_.claim(now, now + limits_.lease, room);
    if (!claimed) {
        log_.error("the queue could not be read", {{"reason", claimed.error().describe()}});
        co_return 0;
    }
    for (auto& queued : *claimed) {
        // Room was seen above; a fresh delivery may have taken it meanwhile, which a little excess forgives.
        auto place = places_.take(0);
        try {
            offer({queued.message, std::move(queued.delivery), nullptr, place ? std::move(*place) : Place{}});
        } catch (const std::exception& error) {  // one delivery's defect must not end the queue; its lease lapses
            log_.error("a delivery could not be offered", {{"message", queued.message->id}, {"reason", error.what()}});
        }
    }
    co_return claimed->size();
}

Schedule::Async<Duration> Schedule::time_to_wait()
{
    const auto due = co_await store_.next_due();
    if (!due || !*due) co_return limits_.look_again;
    if (places_.free() == 0) places_.want();  // asked first and looked again: a place that comes back now is not missed
    if (places_.free() == 0) co_return limits_.look_again;
    const Duration wait = **due - clock_.now();
    co_return std::clamp<Duration>(wait, std::chrono::milliseconds{5}, limits_.look_again);
}

void Schedule::due(Instant at)
{
    const auto planned = wake_at_.load();
    if (planned == 0 || to_micros(at) < planned) wake();
}

void Schedule::wake()
{
    woken_ = true;
    asio::post(reactors_.context(0), [this] { timer_.cancel(); });
}

void Schedule::stop()
{
    stopping_ = true;
    wake();
    const std::lock_guard lock(mutex_);
    for (auto& [name, lane] : lanes_)
        for (auto& waiter : lane->idle_) asio::post(waiter->timer.get_executor(), [waiter] { waiter->timer.cancel(); });
}

LanePtr Schedule::lane_named(const std::string& name)
{
    auto& lane = lanes_[name];
    if (!lane) lane = std::make_shared<Lane>(name);
    return lane;
}

void Schedule::offer(Ready ready)
{
    const Destination destination = courier_->destination(ready);
    if (destination.name.empty()) {
        const auto index = next_reactor_++ % reactors_.size();
        ++settling_;
        asio::co_spawn(reactors_.context(index), settle(std::move(ready)), asio::detached);
        return;
    }
    std::unique_lock lock(mutex_);
    const LanePtr lane = lane_named(destination.name);
    lane->concurrency_ = std::max(1U, destination.concurrency);
    if (!lane->idle_.empty()) {
        // The one that rested least: its connection is the likeliest to be alive.
        auto waiter = std::move(lane->idle_.back());
        lane->idle_.pop_back();
        waiter->given = std::move(ready);
        asio::post(waiter->timer.get_executor(), [waiter] { waiter->timer.cancel(); });
        return;
    }
    if (is_full(*lane)) {
        const bool moves = clock_.now() - lane->moved_ < std::chrono::seconds{1};
        const Instant when = clock_.now() + (moves ? Duration{std::chrono::seconds{1}} : limits_.look_again);
        lock.unlock();
        std::vector<Ready> over;
        over.push_back(std::move(ready));
        asio::co_spawn(reactors_.context(0), give_back(std::move(over), when), asio::detached);
        return;
    }
    lane->waiting_.push_back(std::move(ready));
    if (lane->workers_ < (lane->down_ ? 1U : lane->concurrency_)) spawn_worker(lane);
}

// Under the mutex. A next hop may have as much of the memory as it leaves to the others: one that is slow or hangs
// would fill it with its own mail and stop everybody's.
bool Schedule::is_full(const Lane& lane) const
{
    const auto waiting = lane.waiting_.size();
    return waiting >= limits_.waiting_anyway && waiting + places_.taken() > limits_.deliveries;
}

Schedule::Async<void> Schedule::settle(Ready ready)
{
    try {
        co_await courier_->settle(std::move(ready));
    } catch (const std::exception& error) {
        log_.error("a delivery could not be settled", {{"reason", error.what()}});
    }
    --settling_;
}

Schedule::Async<void> Schedule::give_back(std::vector<Ready> taken, Instant when)
{
    for (std::size_t from = 0; from < taken.size(); from += give_back_at_once) {
        std::vector<std::int64_t> deliveries;
        for (std::size_t i = from; i < std::min(taken.size(), from + give_back_at_once); ++i)
            deliveries.push_back(taken[i].delivery.id);
        const auto given = co_await store_.unclaim(std::move(deliveries), when);
        // Nothing is lost: the store takes them back itself when their lease ends.
        if (!given) log_.error("deliveries were not given back", {{"reason", given.error().describe()}});
    }
    taken.clear();
    due(when);
}

Schedule::Async<void> Schedule::give_back_waiting()
{
    std::vector<Ready> taken;
    {
        const std::lock_guard lock(mutex_);
        for (auto& [name, lane] : lanes_) {
            std::ranges::move(lane->waiting_, std::back_inserter(taken));
            lane->waiting_.clear();
        }
    }
    if (!taken.empty()) co_await give_back(std::move(taken), clock_.now());
}

// Under the mutex.
void Schedule::spawn_worker(const LanePtr& lane)
{
    if (stopping_) return;
    ++lane->workers_;
    auto& context = reactors_.context(next_reactor_++ % reactors_.size());
    // Posted: co_spawn would run the worker at once if this is its thread, and it takes the mutex.
    asio::post(context, [this, &context, lane] { asio::co_spawn(context, work(lane), asio::detached); });
}

Schedule::Async<void> Schedule::work(LanePtr lane)
{
    try {
        co_await courier_->serve(lane);
    } catch (const std::exception& error) {
        log_.error("a delivery worker ended by a defect", {{"next_hop", lane->name()}, {"reason", error.what()}});
    }
    worker_ended(lane);
}

void Schedule::worker_ended(const LanePtr& lane)
{
    const std::lock_guard lock(mutex_);
    --lane->workers_;
    if (!lane->waiting_.empty() && lane->workers_ == 0) spawn_worker(lane);
    forget_if_unused(lane);
}

// Under the mutex. A lane that is down is remembered, or each new message would find that out anew.
void Schedule::forget_if_unused(const LanePtr& lane)
{
    if (lane->workers_ == 0 && lane->waiting_.empty() && (!lane->down_ || lane->down_->first <= clock_.now()))
        lanes_.erase(lane->name_);
}

Schedule::Async<std::optional<Ready>> Schedule::next(LanePtr lane, Duration idle)
{
    const auto executor = co_await asio::this_coro::executor;
    std::shared_ptr<Lane::Waiter> waiter;
    {
        const std::lock_guard lock(mutex_);
        // A reload may have lowered what is declared: the surplus goes home.
        if (stopping_ || lane->workers_ > lane->concurrency_) co_return std::nullopt;
        if (!lane->waiting_.empty()) {
            Ready ready = std::move(lane->waiting_.front());
            lane->waiting_.pop_front();
            lane->moved_ = clock_.now();
            co_return std::move(ready);
        }
        if (idle == Duration::zero()) co_return std::nullopt;
        waiter = std::make_shared<Lane::Waiter>(executor);
        waiter->timer.expires_after(idle);
        lane->idle_.push_back(waiter);
    }
    co_await sleep_on(waiter->timer);
    const std::lock_guard lock(mutex_);
    if (waiter->given) co_return std::move(waiter->given);
    std::erase(lane->idle_, waiter);
    co_return std::nullopt;
}

void Schedule::mark_down(Lane& lane, Instant until, Fault why)
{
    const std::lock_guard lock(mutex_);
    ++lane.failures_;
    lane.down_.emplace(until, std::move(why));
}

void Schedule::mark_up(Lane& lane)
{
    const std::lock_guard lock(mutex_);
    lane.failures_ = 0;
    lane.down_.reset();
}

void Schedule::mark_all_up()
{
    const std::lock_guard lock(mutex_);
    for (auto& [name, lane] : lanes_) {
        lane->failures_ = 0;
        lane->down_.reset();
    }
}

std::optional<Fault> Schedule::down(Lane& lane) const
{
    const std::lock_guard lock(mutex_);
    if (!lane.down_ || lane.down_->first <= clock_.now()) return std::nullopt;
    return lane.down_->second;
}

bool Schedule::shared(Lane& lane) const
{
    const std::lock_guard lock(mutex_);
    return lane.workers_ > 1;
}

unsigned Schedule::failures(Lane& lane) const
{
    const std::lock_guard lock(mutex_);
    return lane.failures_;
}

bool Schedule::busy() const
{
    const std::lock_guard lock(mutex_);
    return settling_ > 0 || std::ranges::any_of(lanes_, [](const auto& lane) { return lane.second->workers_ > 0; });
}

std::vector<Schedule::LaneView> Schedule::lanes() const
{
    const std::lock_guard lock(mutex_);
    std::vector<LaneView> views;
    for (const auto& [name, lane] : lanes_)
        views.push_back({name, lane->waiting_.size(), lane->workers_, lane->down_.has_value(), lane->failures_,
                         lane->down_ ? lane->down_->second.describe() : std::string{}});
    return views;
}

}  // namespace postern::queue
