// posternd: the gateway. Wiring only: reads the policy, opens the stores, starts the two paths, waits for a signal.
//
// Exit codes: 0 stopped in order, 1 could not start (standard error says why and what to do), 2 wrong usage.
#include "alert/engine.hpp"
#include "backup/restoring.hpp"
#include "control/api.hpp"
#include "control/generations.hpp"
#include "control/remote.hpp"
#include "control/upkeep.hpp"
#include "gateway/accept_path.hpp"
#include "gateway/alert_addresses.hpp"
#include "gateway/alert_house.hpp"
#include "gateway/deliver_path.hpp"
#include "gateway/monitor.hpp"
#include "gateway/policy_tests.hpp"
#include "gateway/reload.hpp"
#include "gateway/silent_answers.hpp"
#include "policy/alert_coverage.hpp"
#include "process/privileges.hpp"
#include "scan/scanner.hpp"
#include "script/maker.hpp"
#include "session/sessions.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace {

using namespace postern;

constexpr int could_not_start = 1;
constexpr int wrong_usage = 2;

template <class T>
T or_throw(Result<T> result)
{
    if (!result) throw std::runtime_error(result.error().describe());
    return std::move(*result);
}

void or_throw_void(const Result<void>& result)
{
    if (!result) throw std::runtime_error(result.error().describe());
}

// The policy says where the store is, and the store numbers the policy's generations: so it is read once for itself.
vocabulary::Node read_node(const std::string& directory)
{
    // A restore that was ordered, or interrupted, comes before everything that it replaces.
    const auto restored = or_throw(backup::finish(directory));
    if (restored)
        std::cerr << "posternd: a backup is in place"
                  << (restored->aside.empty() ? "" : "; what was there before lies in " + restored->aside.string())
                  << "\n";
    if (auto recovered = gateway::PolicyFolder::recover(directory); !recovered)
        throw std::runtime_error(recovered.error().describe());
    SystemClock clock;
    ports::Rates rates(clock);
    const script::Maker scripts(rates, clock);
    policy::Loader loader(directory, &scripts);
    auto loaded = loader.load(0);
    if (!loaded.snapshot)
        throw std::runtime_error(policy::render(loaded.diagnostics, directory) +
                                 "\nposternd does not start with a policy that has errors");
    return loaded.snapshot->node();
}

void make_storage(const vocabulary::Node& node)
{
    std::filesystem::create_directories(node.storage);
    chmod(node.storage.c_str(), 0700);
    process::hand_over(node.storage, node.user);
}

net::DnsOptions dns_options(const vocabulary::Node& node)
{
    net::DnsOptions options;
    options.servers = node.resolvers;
    options.trust_anchor = node.trust_anchor;
    return options;
}

// The policy's own tests, with the people of the directory.yaml that lies there, as `postern test` runs them; and
// whether alerts.yaml tells people what they must be told, and those whom it names are in the directory.
policy::Diagnostics run_tests(const std::string& directory, const policy::SnapshotPtr& policy, policy::FileSet files,
                              ports::People& people, std::function<std::string()> stop)
{
    gateway::add_directory(files, directory + "/directory.yaml");
    gateway::PolicyTestOptions options;
    options.stop = std::move(stop);
    auto found = gateway::failures_of(gateway::run_policy_tests(policy, files, options));
    if (const auto alerts = files.find("alerts.yaml"); alerts != files.end()) {
        std::ranges::move(policy::check_alert_coverage(*policy, alerts->second), std::back_inserter(found));
        std::ranges::move(gateway::check_alert_addresses(*policy, alerts->second, &people), std::back_inserter(found));
    }
    return found;
}

// What waits for an answer is looked for more often: it is due to a person.
boost::asio::awaitable<void> answer_every_few_seconds(gateway::Services services)
{
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (;;) {
        timer.expires_after(std::chrono::seconds{5});
        co_await timer.async_wait(boost::asio::use_awaitable);
        co_await gateway::answer_for_the_silent(services);
    }
}

boost::asio::awaitable<void> every_half_minute(gateway::DeliverPath* path)
{
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (;;) {
        timer.expires_after(std::chrono::seconds{30});
        co_await timer.async_wait(boost::asio::use_awaitable);
        co_await path->release_after_outages();
    }
}

boost::asio::awaitable<void> every_few_seconds(control::Api* api)
{
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (;;) {
        api->look_at_clock();
        timer.expires_after(std::chrono::seconds{5});
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
}

// A head of the audit leaves the machine with the log, so that nobody who owns the machine can make the chain anew; and
// what else is due in time.
boost::asio::awaitable<void> every_hour(control::Api* api)
{
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (;;) {
        co_await api->keep_house();
        timer.expires_after(std::chrono::hours{1});
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
}

// Everything that lives as long as the engine, in the order in which it depends on each other.
class Engine {
public:
    explicit Engine(const std::string& directory) : Engine(directory, read_node(directory)) {}

    int run()
    {
        start();
        const int signal = wait_for_end();
        log_.info("stopping", {{"reason", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
        if (!stop()) {
            scanner_.end();
            // Somebody's server keeps us waiting. Nothing is lost by leaving: what it has not answered is tried again.
            log_.flush();
            std::_Exit(0);
        }
        return 0;
    }

private:
    Engine(const std::string& directory, const vocabulary::Node& node)
        : directory_(directory),
          node_(node),
          log_(node.log.empty() ? "stderr" : node.log),
          alarms_(log_, clock_),
          rates_(clock_),
          scripts_(rates_, clock_, &alarms_),
          reactors_(node.threads),
          store_(
              (make_storage(node), or_throw(store::MailStore::open({node.storage, node.body_in_database, node.name})))),
          people_(or_throw(directory::Directory::open({std::filesystem::path(node.storage) / "directory.db"}))),
          trace_key_(
              or_throw(transform::load_or_create_key((std::filesystem::path(node.storage) / "trace.key").string()))),
          dns_(or_throw(net::open_dns(reactors_.context(0), dns_options(node)))),
          schedule_(reactors_, *store_, clock_, log_),
          scanner_(reactors_.context(0), clock_, log_, metrics_, alarms_, node_.scanner,
                   {scan::scanner_program(), node_.storage + "/scanner", node_.user}),
          services_{clock_,    log_,  metrics_,   alarms_, generations_, *store_,   *people_,
                    schedule_, *dns_, trace_key_, rates_,  maintenance_, &scanner_, &probe_},
          alert_house_(services_),
          alerts_engine_(alert_reactor_.context(0), clock_, log_, metrics_, alarms_, maintenance_, *store_, *dns_,
                         alert_house_),
          monitor_(services_, alert_reactor_.context(0)),
          receptionist_(services_),
          deliver_path_(services_),
          sessions_(reactors_, receptionist_, metrics_, log_),
          intake_(reactors_, sessions_),
          reload_(
              directory, clock_, log_, metrics_, alarms_, generations_, *store_, intake_,
              [this, directory](const policy::SnapshotPtr& policy, const policy::FileSet& files,
                                std::function<std::string()> stop) {
                  return run_tests(directory, policy, files, *people_, std::move(stop));
              },
              &scripts_),
          audit_key_(or_throw(directory::AuditKey::load_or_create(std::filesystem::path(node.storage) / "audit.key"))),
          api_(services_, reload_, alerts_engine_, audit_key_, clock_.now()),
          control_(reactors_, log_, [this](control::Request request) { return api_.handle(std::move(request)); }),
          remote_(reactors_, log_, [this](control::Request request) { return api_.handle(std::move(request)); }),
          metrics_page_(reactors_, log_,
                        [this](control::Request request) { return api_.handle_metrics(std::move(request)); })
    {
    }

    void start()
    {
        schedule_.carry_by(deliver_path_);
        const auto first = reload_.start();
        if (first.outcome == gateway::ReloadReport::Outcome::rejected)
            throw std::runtime_error(control::reload_text(first, directory_));
        if (!node_.control_socket.empty()) control_.listen_local(node_.control_socket, node_.control_group);
        if (node_.control_remote) or_throw_void(remote_.bind(*node_.control_remote));
        if (node_.metrics) metrics_page_.listen_tcp(*node_.metrics);
        process::hand_over(node_.storage, node_.user);  // with what was just made in it
        scanner_.spawn();
        process::drop(node_.user);
        boost::asio::co_spawn(reactors_.context(0), schedule_.run(), boost::asio::detached);
        boost::asio::co_spawn(reactors_.context(0), every_half_minute(&deliver_path_), boost::asio::detached);
        boost::asio::co_spawn(reactors_.context(0), answer_every_few_seconds(services_), boost::asio::detached);
        boost::asio::co_spawn(reactors_.context(0), every_hour(&api_), boost::asio::detached);
        boost::asio::co_spawn(reactors_.context(0), every_few_seconds(&api_), boost::asio::detached);
        remote_.start();
        scanner_.start();
        reload_.watch(
            [this] {
                renew_remote();
                scanner_.follow(generations_.current()->policy->node().scanner);
                alerts_engine_.wake();
                boost::asio::co_spawn(reactors_.context(0), deliver_path_.release_after_outages(),
                                      boost::asio::detached);
            },
            [this](const gateway::ReloadReport& report) { put_on_record(report); });
        put_on_record(first);
        alerts_engine_.start();
        boost::asio::co_spawn(alert_reactor_.context(0), monitor_.run(), boost::asio::detached);
        alert_reactor_.start();
        reactors_.start();
        log_.info("started", {{"generation", first.generation}, {"name", node_.name}});
    }

    // Any thread.
    void put_on_record(const gateway::ReloadReport& report)
    {
        boost::asio::co_spawn(reactors_.context(0), control::record_reload(services_, report), boost::asio::detached);
    }

    // On the reloading thread: who may administer, as the generation in force says.
    void renew_remote()
    {
        const auto& declared = generations_.current()->policy->node().control_remote;
        if (!remote_.bound() || !declared) return;
        if (const auto renewed = remote_.renew(*declared); renewed)
            alarms_.clear("control remote");
        else
            alarms_.raise("control remote", renewed.error().describe() + "; what was valid before stays so");
    }

    int wait_for_end()
    {
        boost::asio::io_context io(1);
        boost::asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
        signals.add(SIGUSR1);
        for (;;) {
            int signal = 0;
            signals.async_wait([&signal](const boost::system::error_code&, int got) { signal = got; });
            io.run();
            io.restart();
            if (signal == SIGHUP) {
                log_.reopen();
                (void)reload_.request({.author = std::string(gateway::by_signal)});
            } else if (signal == SIGUSR1) {
                log_.reopen();
            } else if (signal != 0) {
                return signal;
            }
        }
    }

    // New mail first, then what is under way; what is left is on disk and goes on at the next start.
    [[nodiscard]] bool stop()
    {
        alerts_engine_.stop();
        boost::asio::post(alert_reactor_.context(0), [this] { monitor_.stop(); });
        reload_.stop();
        intake_.stop();
        sessions_.stop();
        schedule_.stop();
        scanner_.stop();
        control_.stop();
        remote_.stop();
        metrics_page_.stop();
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        const auto busy = [this] { return sessions_.open() > 0 || schedule_.busy(); };
        while (busy() && std::chrono::steady_clock::now() < patience)
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        alert_reactor_.stop();
        reactors_.stop();
        log_.info("stopped", {{"connections_open", sessions_.open()}});
        return !busy();
    }

    std::string directory_;
    vocabulary::Node node_;
    SystemClock clock_;
    Log log_;
    ports::Metrics metrics_;
    ports::Alarms alarms_;
    ports::Rates rates_;
    ports::Probe probe_;
    script::Maker scripts_;
    gateway::Generations generations_;
    net::Reactors reactors_;
    net::Reactors alert_reactor_{1};  // before the store, whose calls end there
    ports::Maintenance maintenance_;
    std::unique_ptr<store::MailStore> store_;
    std::unique_ptr<directory::Directory> people_;
    transform::TraceKey trace_key_;
    std::unique_ptr<net::Dns> dns_;
    queue::Schedule schedule_;
    scan::Scanner scanner_;
    gateway::Services services_;
    gateway::AlertHouse alert_house_;
    alert::Engine alerts_engine_;
    gateway::Monitor monitor_;
    gateway::Receptionist receptionist_;
    gateway::DeliverPath deliver_path_;
    session::Sessions sessions_;
    gateway::Intake intake_;
    gateway::Reload reload_;
    directory::AuditKey audit_key_;
    control::Api api_;
    control::HttpServer control_;
    control::RemoteControl remote_;
    control::HttpServer metrics_page_;
};

}  // namespace

int main(int count, char** arguments)
{
    const std::string directory = count == 2 ? arguments[1] : "";
    if (directory.empty() || directory.starts_with("-")) {
        std::cerr
            << "usage: posternd DIRECTORY      runs the gateway with the policy in DIRECTORY (see `postern check`)\n";
        return directory == "--help" || directory == "-h" ? 0 : wrong_usage;
    }
    std::signal(SIGPIPE, SIG_IGN);
    // Few arenas, and memory given back: an engine that idles should be small.
    mallopt(M_ARENA_MAX, 4);
    process::raise_open_files();
    try {
        Engine engine(directory);
        return engine.run();
    } catch (const std::exception& error) {
        std::cerr << "posternd: " << error.what() << "\n";
        return could_not_start;
    }
}
