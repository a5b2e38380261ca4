#include "queue/schedule.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <thread>

using namespace postern;
using namespace std::chrono_literals;

namespace {

store::NewMessage message_for(const std::string& organisation, int number)
{
    const Instant now = SystemClock{}.now();
    store::NewMessage message;
    message.message.id = "01HZZZZZZZ" + std::string(12, '0') + std::to_string(1000 + number);
    message.message.received = now;
    message.message.sender = "eric.brown@greenstonechambers.co.uk.cjsm.net";
    message.content = std::make_shared<const std::string>("Subject: x\r\n\r\nText\r\n");
    message.message.size = message.content->size();
    store::RecipientRecord recipient;
    recipient.address = recipient.hop_address = "listing@crowncourt.example.cjsm.net";
    recipient.organisation = organisation;
    store::DeliveryRecord delivery;
    delivery.organisation = organisation;
    delivery.due = now;
    delivery.recipients = {recipient};
    message.deliveries = {delivery};
    return message;
}

void wait_until(const std::function<bool()>& holds)
{
    for (int i = 0; i < 3000 && !holds(); ++i) std::this_thread::sleep_for(10ms);
    REQUIRE(holds());
}

// Carries each delivery by recording it as handed over; counts how many do so at one time.
class FakeCourier final : public queue::Courier {
public:
    FakeCourier(queue::Schedule& schedule, store::MailStore& store) : schedule_(schedule), store_(store) {}

    std::atomic<unsigned> concurrency{3};
    std::atomic<int> carried{0}, settled{0}, at_once{0}, most_at_once{0};

    queue::Destination destination(const queue::Ready& ready) override
    {
        if (ready.delivery.organisation == "nowhere") return {};
        return {"organisation:" + ready.delivery.organisation, concurrency};
    }

    boost::asio::awaitable<void> serve(queue::LanePtr lane) override
    {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
        for (;;) {
            auto ready = co_await schedule_.next(lane, 50ms);
            if (!ready) co_return;
            while (lane->name() == "organisation:hangs" && !schedule_.stopping()) {
                timer.expires_after(5ms);
                co_await timer.async_wait(boost::asio::use_awaitable);
            }
            const int now = ++at_once;
            for (int most = most_at_once; now > most && !most_at_once.compare_exchange_weak(most, now);) {
            }
            timer.expires_after(2ms);
            co_await timer.async_wait(boost::asio::use_awaitable);
            --at_once;
            co_await record(std::move(*ready));
            ++carried;
        }
    }

    boost::asio::awaitable<void> settle(queue::Ready ready) override
    {
        co_await record(std::move(ready));
        ++settled;
    }

private:
    boost::asio::awaitable<void> record(queue::Ready ready)
    {
        store::AttemptOutcome outcome;
        outcome.message_id = ready.message->id;
        outcome.delivery_id = ready.delivery.id;
        outcome.at = SystemClock{}.now();
        outcome.recipients.push_back(
            {ready.delivery.recipients.front().id, store::State::relayed, "250 2.0.0 Ok", false});
        const auto recorded = co_await store_.record(std::move(outcome));
        if (!recorded) throw std::runtime_error(recorded.error().describe());
    }

    queue::Schedule& schedule_;
    store::MailStore& store_;
};

struct Bench {
    explicit Bench(queue::ScheduleLimits limits = {})
        : schedule(reactors, *store, clock, log, limits), courier(schedule, *store)
    {
        schedule.carry_by(courier);
        boost::asio::co_spawn(reactors.context(0), schedule.run(), boost::asio::detached);
        reactors.start();
    }
    ~Bench()
    {
        schedule.stop();
        for (int i = 0; i < 500 && schedule.busy(); ++i) std::this_thread::sleep_for(10ms);
        reactors.stop();
        store.reset();
        std::filesystem::remove_all(directory);
    }

    static std::filesystem::path fresh_directory()
    {
        std::string name = (std::filesystem::temp_directory_path() / "postern-schedule-XXXXXX").string();
        return mkdtemp(name.data());
    }

    void commit(store::NewMessage message)
    {
        auto future = boost::asio::co_spawn(reactors.context(0), store->commit(std::move(message), std::nullopt),
                                            boost::asio::use_future);
        REQUIRE(future.get());
    }

    SystemClock clock;
    std::filesystem::path directory = fresh_directory();
    Log log{(directory / "log").string()};
    net::Reactors reactors{2};
    std::unique_ptr<store::MailStore> store = std::move(*store::MailStore::open({directory / "spool"}));
    queue::Schedule schedule;
    FakeCourier courier;
};

}  // namespace

TEST_CASE("what is committed unclaimed is found and carried as soon as the schedule is told")
{
    Bench bench;
    for (int i = 0; i < 20; ++i) bench.commit(message_for("crown-court", i));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.courier.carried == 20; });
}

TEST_CASE("no more connections serve a next hop than it declares")
{
    Bench bench;
    for (int i = 0; i < 60; ++i) bench.commit(message_for("crown-court", i));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.courier.carried == 60; });
    REQUIRE(bench.courier.most_at_once <= 3);
    REQUIRE(bench.courier.most_at_once >= 1);
}

TEST_CASE("a delivery that needs no connection is settled without one")
{
    Bench bench;
    bench.commit(message_for("nowhere", 1));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.courier.settled == 1; });
}

TEST_CASE("with places for a few, all of many are carried in the end")
{
    Bench bench({.deliveries = 5});
    for (int i = 0; i < 50; ++i) bench.commit(message_for(i % 2 ? "crown-court" : "greenstone", i));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.courier.carried == 50; });
}

TEST_CASE("a next hop that hangs leaves memory to the mail of others")
{
    Bench bench({.deliveries = 20, .waiting_anyway = 3, .look_again = std::chrono::milliseconds{200}});
    for (int i = 0; i < 60; ++i) bench.commit(message_for("hangs", i));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.schedule.in_memory() >= 5; });
    for (int i = 60; i < 65; ++i) bench.commit(message_for("crown-court", i));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.courier.carried == 5; });
}

TEST_CASE("an act on the queue finds in the store what only waits for its turn")
{
    Bench bench;
    bench.courier.concurrency = 1;
    for (int i = 0; i < 8; ++i) bench.commit(message_for("hangs", i));
    bench.schedule.due(bench.clock.now());
    wait_until([&] { return bench.schedule.in_memory() == 8; });
    const auto run = [&](auto work) {
        return boost::asio::co_spawn(bench.reactors.context(0), std::move(work), boost::asio::use_future).get();
    };
    REQUIRE(run(bench.store->hold({}, "looked at", "operator")) == 8);
    run(bench.schedule.give_back_waiting());
    store::QueueFilter held;
    held.held = true;
    REQUIRE(run(bench.store->list(held))->size() >= 7);
}

TEST_CASE("a lane that is down says why until its time, and is up when a connection succeeds")
{
    Bench bench;
    queue::Lane lane("organisation:crown-court");
    REQUIRE_FALSE(bench.schedule.down(lane));

    bench.schedule.mark_down(lane, bench.clock.now() + 1h, Fault(Retry::later, "connection refused"));
    REQUIRE(bench.schedule.down(lane)->detail() == "connection refused");
    REQUIRE(bench.schedule.failures(lane) == 1);

    bench.schedule.mark_up(lane);
    REQUIRE_FALSE(bench.schedule.down(lane));
    REQUIRE(bench.schedule.failures(lane) == 0);

    bench.schedule.mark_down(lane, bench.clock.now() - 1s, Fault(Retry::later, "long ago"));
    REQUIRE_FALSE(bench.schedule.down(lane));
}
