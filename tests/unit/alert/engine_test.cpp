// From an event to mail in the queue and back from trouble, with a real store and a house that fails when it is told
// to.
#include "alert/engine.hpp"

#include "../store/fixture.hpp"

#include <atomic>
#include <mutex>

using namespace postern;
using namespace postern::store::test;
using namespace std::chrono_literals;
using store::SendState;
using vocabulary::EventId;

namespace {

namespace asio = boost::asio;

// The machine's time, and as much later as a test wants.
class Hands final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return SystemClock().now() + Duration{ahead_.load()}; }
    void put_ahead(Duration by) { ahead_ += by.count(); }

private:
    std::atomic<Duration::rep> ahead_{0};
};

// Nobody has a name here.
class NoDns final : public net::Dns {
    template <class Record>
    static Asked<Record> nothing()
    {
        co_return std::unexpected(Fault(Retry::never, "there is no DNS in this test"));
    }
    Asked<net::MxRecord> mx(std::string) override { return nothing<net::MxRecord>(); }
    Asked<vocabulary::Ip> addresses(std::string) override { return nothing<vocabulary::Ip>(); }
    Asked<net::Tlsa> tlsa(std::uint16_t, std::string) override { return nothing<net::Tlsa>(); }
};

// One rule each for viruses, for what can't be sent, and for the disk.
std::shared_ptr<vocabulary::AlertPolicy> policy()
{
    auto made = std::make_shared<vocabulary::AlertPolicy>();
    const auto address = [](const char* text) { return *mail::Address::parse(text); };
    made->people[vocabulary::AlertRole::operations] = {address("ops@cjsm.net")};
    vocabulary::AlertTarget operations;
    operations.role = vocabulary::AlertRole::operations;
    vocabulary::AlertTarget sender;
    sender.role = vocabulary::AlertRole::sender;
    const auto rule = [&](const char* name, EventId event, const vocabulary::AlertTarget& to) {
        vocabulary::AlertRule one;
        one.name = name;
        one.place = std::string("alerts.yaml:1 ") + name;
        one.on = {{event, ""}};
        one.to = {to};
        one.by = {vocabulary::AlertChannel::mail};
        return one;
    };
    made->rules = {rule("virus", EventId::virus_found, operations), rule("virus-sent", EventId::virus_found, sender),
                   rule("unsent", EventId::alert_unsent, operations)};
    made->rules[1].one_per = 10min;
    made->rules[1].group_by = "sender.address";
    return made;
}

class FakeHouse final : public alert::House {
public:
    explicit FakeHouse(const Clock& clock) : clock_(clock) {}

    [[nodiscard]] std::optional<mail::Address> inside(const mail::Address& address) const override { return address; }
    [[nodiscard]] std::vector<mail::Address> administrators(std::string_view) const override { return {}; }
    [[nodiscard]] std::vector<std::string> non_secure(std::string_view) const override { return {}; }
    [[nodiscard]] alert::Present present() const override
    {
        alert::Present now;
        now.owner = policy_;
        now.policy = policy_.get();
        now.keys = std::make_shared<const alert::Keys>();
        now.service = {"cjsm.net", "mx.cjsm.net", "postmaster@cjsm.net"};
        now.generation = 1;
        return now;
    }
    [[nodiscard]] asio::awaitable<Result<store::NewMessage>> letter(alert::Present, alert::Letter letter) override
    {
        const std::scoped_lock lock(mutex_);
        asked_.push_back(letter.to);
        if (trouble_) co_return std::unexpected(*trouble_);
        co_return message({delivery({letter.to})}, "Subject: alert\r\n\r\n" + letter.text.subject + "\r\n",
                          clock_.now());
    }
    void mail_waits() override {}
    [[nodiscard]] asio::awaitable<std::string> non_secure_of(mail::Address) override { co_return std::string{}; }
    [[nodiscard]] asio::awaitable<Result<std::vector<alert::Person>>> people() override
    {
        co_return std::vector<alert::Person>{};
    }

    void fail_with(std::optional<Fault> trouble)
    {
        const std::scoped_lock lock(mutex_);
        trouble_ = std::move(trouble);
    }
    [[nodiscard]] std::vector<std::string> asked() const
    {
        const std::scoped_lock lock(mutex_);
        return asked_;
    }
    [[nodiscard]] std::size_t times_asked(std::string_view to) const
    {
        return static_cast<std::size_t>(std::ranges::count(asked(), to));
    }

private:
    const Clock& clock_;
    std::shared_ptr<const vocabulary::AlertPolicy> policy_ = policy();
    mutable std::mutex mutex_;
    std::optional<Fault> trouble_;    // under mutex_
    std::vector<std::string> asked_;  // under mutex_
};

class Bench {
public:
    Bench() { start(); }
    ~Bench() { stop(); }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    void start()
    {
        context_ = std::make_unique<asio::io_context>(1);
        engine_ = std::make_unique<alert::Engine>(*context_, clock, log_, metrics, alarms, maintenance_, *store_, dns_,
                                                  house);
        engine_->start();
        work_.emplace(context_->get_executor());
        thread_ = std::thread([this] { context_->run(); });
    }
    void stop()
    {
        engine_->stop();
        work_.reset();
        thread_.join();
        engine_.reset();
        context_.reset();
    }
    void virus_of(const std::string& sender)
    {
        alarms.tell(EventId::virus_found, sender, "found",
                    {{"sender.address", sender}, {"sender.organisation", "greenstone"}});
    }
    /// Alerts of a rule, newest first, each with what became of it.
    std::vector<store::AlertWithSends> alerts(const std::string& rule)
    {
        std::vector<store::AlertWithSends> found;
        store::AlertStore list(*store_);
        for (const auto& alert : value_of(wait_for(list.list(false, 100))))
            if (alert.rule == rule) found.push_back(*value_of(wait_for(list.find(alert.id))));
        return found;
    }
    /// Hours of pauses, as fast as the engine goes.
    bool in_time(const std::function<bool()>& holds, Duration each = {})
    {
        return eventually([&] {
            clock.put_ahead(each);
            engine_->wake();
            return holds();
        });
    }
    std::uint64_t queued() { return value_of(wait_for(store_->totals())).messages; }

private:
    TemporaryFolder folder_;
    Log log_{(folder_.path() / "log").string()};

public:
    Hands clock;
    ports::Metrics metrics;
    ports::Alarms alarms{log_, clock};
    FakeHouse house{clock};

private:
    ports::Maintenance maintenance_;
    NoDns dns_;
    std::unique_ptr<store::MailStore> store_ = value_of(
        store::MailStore::open({.directory = folder_.path() / "spool", .body_in_database = 4096, .clock = &clock}));
    std::unique_ptr<asio::io_context> context_;
    std::unique_ptr<alert::Engine> engine_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;
};

const std::string eric = "eric.brown@greenstonechambers.co.uk.cjsm.net";
const std::string clerks = "clerks@greenstonechambers.co.uk.cjsm.net";

bool all_are(const std::vector<store::AlertWithSends>& alerts, SendState state)
{
    return !alerts.empty() && std::ranges::all_of(alerts, [state](const store::AlertWithSends& alert) {
        return !alert.sends.empty() &&
               std::ranges::all_of(alert.sends, [state](const store::AlertSend& send) { return send.state == state; });
    });
}

}  // namespace

TEST_CASE("a letter that can't be made for now is made later, once, also by the next engine")
{
    Bench bench;
    bench.house.fail_with(Fault(Retry::later, "the directory is not available"));
    bench.virus_of(eric);
    REQUIRE(bench.in_time([&] { return bench.house.times_asked("ops@cjsm.net") == 1; }));
    REQUIRE(bench.in_time([&] {
        const auto alerts = bench.alerts("virus");
        return all_are(alerts, SendState::waiting) && alerts[0].sends[0].attempts == 1;
    }));
    CHECK(bench.alerts("virus")[0].sends[0].note.find("the directory is not available") != std::string::npos);
    CHECK(bench.queued() == 0);

    bench.stop();
    bench.start();
    REQUIRE(bench.in_time([&] { return bench.house.times_asked("ops@cjsm.net") >= 3; }, 1min));
    CHECK(bench.queued() == 0);
    bench.house.fail_with({});
    REQUIRE(bench.in_time([&] { return all_are(bench.alerts("virus"), SendState::sent); }, 1min));
    REQUIRE(bench.in_time([&] { return all_are(bench.alerts("virus-sent"), SendState::sent); }, 1min));
    CHECK(bench.queued() == 2);
    CHECK(bench.alerts("virus").size() == 1);
    CHECK(bench.alerts("unsent").empty());
    CHECK(bench.metrics.alerts_sent == 2);
    CHECK(bench.metrics.alerts_failed == 0);
}

TEST_CASE("a letter that can't be made in the end is an alert, and one about that is not")
{
    Bench bench;
    bench.house.fail_with(Fault(Retry::later, "the directory is not available"));
    bench.virus_of(eric);
    REQUIRE(bench.in_time([&] { return all_are(bench.alerts("virus"), SendState::failed); }, 11min));
    CHECK(bench.alerts("virus")[0].sends[0].attempts == 20);
    REQUIRE(bench.in_time([&] { return all_are(bench.alerts("virus-sent"), SendState::failed); }, 11min));
    REQUIRE(bench.in_time(
        [&] {
            const auto alerts = bench.alerts("unsent");
            return alerts.size() == 2 && all_are(alerts, SendState::failed);
        },
        11min));
    CHECK(bench.metrics.alerts_failed == 4);
    bench.house.fail_with({});
    bench.clock.put_ahead(24h);
    bench.virus_of(clerks);
    REQUIRE(bench.in_time([&] { return bench.queued() == 2; }));
    CHECK(bench.alerts("unsent").size() == 2);
}

TEST_CASE("each sender of a member is told of their own virus, however soon one follows the other")
{
    Bench bench;
    for (const auto& sender : {eric, clerks, eric}) bench.virus_of(sender);
    REQUIRE(bench.in_time([&] { return bench.alerts("virus").size() == 3; }));
    REQUIRE(bench.in_time([&] { return all_are(bench.alerts("virus-sent"), SendState::sent); }));
    REQUIRE(bench.in_time([&] { return all_are(bench.alerts("virus"), SendState::sent); }));
    CHECK(bench.house.times_asked(eric) == 1);  // his second is within the ten minutes
    CHECK(bench.house.times_asked(clerks) == 1);
    CHECK(bench.house.times_asked("ops@cjsm.net") == 3);
    CHECK(bench.alerts("virus-sent").size() == 2);
}
