// The client with the real program beside it: what happens to messages when workers are hurt from outside.
#include "scan/scanner.hpp"

#include "looks.hpp"

#include <sys/resource.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

using namespace postern;
using namespace std::chrono_literals;

namespace {

bool comes_true(const std::function<bool()>& condition, std::chrono::seconds patience = 30s)
{
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

// Hears what is told, and which of the promised fields it lacks.
class Ears final : public ports::EventListener {
public:
    void hear(vocabulary::Event event) noexcept override
    {
        if (event.cleared) return;
        const std::lock_guard lock(mutex_);
        heard_.insert(event.id);
        for (const auto field : vocabulary::info(event.id).fields)
            if (!event.field(field))
                lacking_ += std::string(vocabulary::info(event.id).name) + " " + std::string(field) + "; ";
    }
    [[nodiscard]] bool heard(vocabulary::EventId event)
    {
        const std::lock_guard lock(mutex_);
        return heard_.contains(event);
    }
    [[nodiscard]] std::string lacking()
    {
        const std::lock_guard lock(mutex_);
        return lacking_;
    }

private:
    std::mutex mutex_;
    std::set<vocabulary::EventId> heard_;  // under mutex_
    std::string lacking_;                  // under mutex_
};

class Bench {
public:
    explicit Bench(vocabulary::Scanner settings = {})
        : log_(folder.path("log")),
          alarms(log_, clock_),
          scanner(context_, clock_, log_, metrics, alarms, with_signatures(settings),
                  {scan::scanner_program(), folder.path("scanner"), ""})
    {
        alarms.listen(&ears);
        scanner.spawn();
        scanner.start();
        thread_ = std::thread([this] { context_.run(); });
        REQUIRE(comes_true([this] { return scanner.status().workers.size() == settings_.workers; }));
    }
    ~Bench()
    {
        CHECK(ears.lacking().empty());
        scanner.stop();
        work_.reset();
        context_.stop();
        thread_.join();
    }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    std::future<Result<vocabulary::Inspection>> ask(const std::string& message)
    {
        ports::InspectionOrder order;
        order.content = std::make_shared<const std::string>(message);
        order.structure = std::make_shared<const mail::Structure>(mail::read_structure(message, false));
        order.types = order.members = order.viruses = true;
        auto work = scanner.inspect(std::move(order));
        return boost::asio::co_spawn(context_, std::move(work), boost::asio::use_future);
    }
    Result<vocabulary::Inspection> look(const std::string& message) { return ask(message).get(); }
    void signal_all(int signal)
    {
        for (const auto& worker : scanner.status().workers) kill(static_cast<pid_t>(worker.process), signal);
    }
    [[nodiscard]] bool alarm_stands(const std::string& key) const
    {
        for (const auto& alarm : alarms.standing())
            if (alarm.key == key) return true;
        return false;
    }

    looks::Folder folder;
    ports::Metrics metrics;
    Ears ears;

private:
    vocabulary::Scanner& with_signatures(vocabulary::Scanner settings)
    {
        folder.write("set/test.ndb", looks::signatures());
        settings_ = settings;
        settings_.signatures = folder.path("set");
        return settings_;
    }

    SystemClock clock_;
    Log log_;
    vocabulary::Scanner settings_;

public:
    ports::Alarms alarms;

private:
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};

public:
    scan::Scanner scanner;

private:
    std::thread thread_;
};

const std::string clean = "Subject: x\r\n\r\nGood morning\r\n";

}  // namespace

TEST_CASE("messages are looked into in a process of its own", "[live]")
{
    Bench bench;
    const auto seen = bench.look(clean);
    REQUIRE(seen);
    CHECK(seen->parts.at(0).detected_type == "text/plain");
    CHECK(seen->viruses.empty());
    const auto found = bench.look("Subject: x\r\n\r\n" + looks::eicar());
    REQUIRE(found);
    REQUIRE(found->viruses.size() == 1);
    CHECK(bench.metrics.viruses_found == 1);
    CHECK(bench.scanner.status().signature_count == 2);
}

TEST_CASE("a worker that is killed is replaced, and an alarm tells of the third", "[live]")
{
    vocabulary::Scanner settings;
    settings.workers = 1;
    Bench bench(settings);
    for (unsigned round = 1; round <= 3; ++round) {
        bench.signal_all(SIGSTOP);
        auto answer = bench.ask(clean + std::to_string(round));
        REQUIRE(comes_true([&] { return bench.scanner.status().workers.at(0).busy; }));
        bench.signal_all(SIGKILL);
        const auto seen = answer.get();
        REQUIRE_FALSE(seen);
        CHECK(seen.error().retry() == Retry::later);
        CHECK(seen.error().peer().status == Status{7, 1});
        CHECK(bench.look(clean + "after " + std::to_string(round)));  // another one: a known answer needs no worker
        CHECK(bench.metrics.scanner_workers_replaced == round);
    }
    CHECK(bench.alarm_stands("scanner-failing"));
    CHECK(comes_true([&] { return bench.ears.heard(vocabulary::EventId::scanner_failing); }));
}

TEST_CASE("a worker that hangs is ended at the message's deadline", "[live]")
{
    vocabulary::Scanner settings;
    settings.workers = 1;
    settings.deadline = 1s;
    Bench bench(settings);
    bench.signal_all(SIGSTOP);
    CHECK_FALSE(bench.look(clean));
    CHECK(bench.look(clean));
    CHECK(bench.metrics.scanner_workers_replaced == 1);
}

TEST_CASE("a worker without memory fails its message only", "[live]")
{
    vocabulary::Scanner settings;
    settings.workers = 1;
    Bench bench(settings);
    REQUIRE(bench.look(clean));
    const auto worker = static_cast<pid_t>(bench.scanner.status().workers.at(0).process);
    const rlimit tiny{1 << 20, 1 << 20};
    REQUIRE(prlimit(worker, RLIMIT_AS, &tiny, nullptr) == 0);
    const std::string large =
        "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + std::string(8 << 20, 'A');
    const auto seen = bench.look(large);
    CHECK_FALSE(seen.has_value());
    if (bench.metrics.scanner_workers_replaced == 0) kill(worker, SIGKILL);  // it said so, and lives
    CHECK(comes_true([&] { return bench.look(large).has_value(); }));
}

TEST_CASE("the process that starts all others is replaced too", "[live]")
{
    Bench bench;
    bench.signal_all(SIGKILL);
    CHECK(comes_true([&] { return bench.look(clean).has_value(); }));
}

TEST_CASE("a new signature set takes over once it has proved itself; one that can't leaves the old in force", "[live]")
{
    Bench bench;
    const std::string other = "Subject: x\r\n\r\nknown from now on\r\n";
    REQUIRE(bench.look(other));
    CHECK(bench.look(other)->viruses.empty());

    bench.folder.write("set/test.ndb", "Wrong:0:*:" + looks::hexadecimal("known from now on") + "\n");
    CHECK(comes_true([&] { return bench.alarm_stands("signatures-rejected"); }));
    CHECK(comes_true([&] { return bench.ears.heard(vocabulary::EventId::signatures_rejected); }));
    CHECK(bench.look(other)->viruses.empty());

    bench.folder.write("set/test.ndb",
                       looks::signatures("Known:0:*:" + looks::hexadecimal("known from now on") + "\n"));
    CHECK(comes_true([&] {
        const auto seen = bench.look(other);
        REQUIRE(seen);
        return !seen->viruses.empty();
    }));
    CHECK(comes_true([&] { return bench.scanner.status().signature_count == 3; }));
    CHECK(bench.metrics.signature_swaps == 1);
    CHECK_FALSE(bench.alarm_stands("signatures-rejected"));
}

TEST_CASE("signatures older than declared raise an alarm, and mail is deferred where that is declared", "[live]")
{
    vocabulary::Scanner settings;
    settings.signatures_age = 1s;
    Bench bench(settings);
    CHECK(comes_true([&] { return bench.alarm_stands("signatures"); }));
    CHECK(comes_true([&] { return bench.ears.heard(vocabulary::EventId::signatures_stale); }));
    CHECK(bench.look(clean));
    settings.defer_when_old = true;
    bench.scanner.follow(settings);
    CHECK(comes_true([&] { return !bench.look(clean).has_value(); }));
}
