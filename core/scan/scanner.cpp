#include "scan/scanner.hpp"

#include "scan/crew.hpp"
#include "scan/keeper.hpp"
#include "scan/signature_folder.hpp"
#include "scan/verdict_cache.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <climits>
#include <csignal>
#include <cstring>
#include <mutex>
#include <stdexcept>

extern char** environ;

namespace postern::scan {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_waiting = 1000;
constexpr std::size_t most_remembered = 10'000;  ///< verdicts; a kilobyte each at worst
constexpr unsigned failures_for_an_alarm = 3;
constexpr std::size_t failures_without_a_pause = 10;  ///< then a worker is replaced at the next tick only
constexpr auto failure_window = 5min;
constexpr auto patience_with_a_kill = 5s;
constexpr auto retry_without_a_set = 15s;

std::unexpected<Fault> cannot_check(const std::string& why)
{
    const Fault made =
        fault(Retry::later, why)
            .tell_peer(51, {7, 1}, "This message can't be checked for what it carries at the moment; please try again")
            .about("scanner");
    return std::unexpected(made);
}

Order order_for(const ports::InspectionOrder& wanted)
{
    Order order;
    order.size = wanted.content->size();
    order.types = wanted.types;
    order.members = wanted.members;
    order.viruses = wanted.viruses;
    if (!wanted.structure) {
        order.doubtful = true;
        return order;
    }
    const auto& structure = *wanted.structure;
    order.doubtful = structure.malformed || structure.too_deep || structure.too_many;
    for (const auto& part : structure.parts) order.pieces.push_back({part.offset, part.length, part.encoding});
    return order;
}

void note_limits(const mail::Structure* structure, vocabulary::Inspection& seen)
{
    const auto add = [&seen](const char* reason) {
        if (std::ranges::find(seen.unscannable, reason) == seen.unscannable.end())
            seen.unscannable.emplace_back(reason);
    };
    if (structure && structure->too_deep) add("depth");
    if (structure && structure->too_many) add("files");
}

}  // namespace

std::string scanner_program()
{
    char path[PATH_MAX];
    const auto size = readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0) return "postern-scan";
    const std::string_view own(path, static_cast<std::size_t>(size));
    return std::string(own.substr(0, own.rfind('/') + 1)) + "postern-scan";
}

struct Scanner::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& context, const Clock& the_clock, Log& the_log, ports::Metrics& the_metrics,
         ports::Alarms& the_alarms, const vocabulary::Scanner& declared, ScannerPlace the_place)
        : io(context),
          clock(the_clock),
          log(the_log),
          metrics(the_metrics),
          alarms(the_alarms),
          settings(declared),
          place(std::move(the_place)),
          crew(context),
          ticker(context)
    {
    }

    // --- the keeper ---

    void spawn()
    {
        if (access(place.program.c_str(), X_OK) != 0)
            throw std::runtime_error("there is no program " + place.program +
                                     ": it looks inside attachments, and belongs beside posternd");
        auto [ours, theirs] = socket_pair();
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, theirs.get(), 3);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        char name[] = "postern-scan";
        char* arguments[] = {name, nullptr};
        const int failed =
            posix_spawn(&keeper_process, place.program.c_str(), &actions, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (failed != 0) throw std::runtime_error("can't start " + place.program + ": " + std::strerror(failed));
        keeper = std::make_shared<Line>(io, std::move(ours));
        static_cast<void>(keeper->send(encode(Settings{settings, place.folder, place.user})));
    }

    asio::awaitable<void> watch_keeper(std::shared_ptr<Impl> self)
    {
        auto pause = 1s;
        while (!stopping) {
            const auto line = keeper;
            warnings.clear();
            grow_tree();
            while (auto datagram = co_await line->receive()) {
                if (auto notice = decode_notice(datagram->bytes)) heed_keeper(*notice, std::move(datagram->passed));
                pause = 1s;
            }
            line->close();
            if (stopping) break;
            lose_keeper();
            ticker_for_keeper.emplace(io, pause);
            co_await ticker_for_keeper->async_wait(asio::as_tuple(asio::use_awaitable));
            pause = std::min(pause * 2, std::chrono::seconds{30});
            try {
                if (!stopping) spawn();
            } catch (const std::exception& error) {
                raise_down(error.what());
            }
        }
        self.reset();
    }

    void heed_keeper(const Notice& notice, Descriptor passed)
    {
        if (notice.kind == Notice::Kind::warning) {
            warnings.push_back(notice.text);
            log.warning("scanner sandbox", {{"reason", notice.text}});
        }
        if (notice.kind != Notice::Kind::tree || !passed || !growing) return;
        auto tree = std::make_shared<Tree>(Line(io, std::move(passed)));
        tree->process = static_cast<std::int64_t>(notice.number);
        tree->first_slot = growing->first_slot;
        tree->print = growing->print;
        growing.reset();
        next = tree;
        asio::co_spawn(io, watch_tree(shared_from_this(), tree), asio::detached);
    }

    void lose_keeper()
    {
        int status = 0;
        kill(keeper_process, SIGKILL);
        waitpid(keeper_process, &status, 0);
        growing.reset();
        next.reset();
        raise_down("its process ended; it is started again");
    }

    // --- trees ---

    void grow_tree()
    {
        const bool first_half = !crew.current() || crew.current()->first_slot != 0;
        growing = Growing{first_half ? 0 : settings.workers, folder_print(settings.signatures)};
        growing_since = std::chrono::steady_clock::now();
        static_cast<void>(keeper->send(encode(Notice{Notice::Kind::grow_tree, growing->first_slot, 0, {}})));
    }

    asio::awaitable<void> watch_tree(std::shared_ptr<Impl> self, std::shared_ptr<Tree> tree)
    {
        while (auto datagram = co_await tree->line.receive()) {
            const auto notice = decode_notice(datagram->bytes);
            if (!notice) break;
            heed_tree(tree, *notice, std::move(datagram->passed));
        }
        tree->line.close();
        for (const auto& worker : tree->workers)
            if (!worker->busy) worker->line.close();
        if (next == tree) {
            next.reset();
            reject_set("the process that loaded it ended");
        }
        if (crew.current() == tree) {
            crew.use(nullptr);
            if (!stopping) raise_down("the process that holds the signatures ended; it is started again");
            if (!stopping && !next && !growing) grow_tree();
        }
        if (draining == tree) draining.reset();
        self.reset();
    }

    void heed_tree(const std::shared_ptr<Tree>& tree, const Notice& notice, Descriptor passed)
    {
        switch (notice.kind) {
            case Notice::Kind::warning:
                if (std::ranges::find(warnings, notice.text) == warnings.end()) {
                    warnings.push_back(notice.text);
                    log.warning("scanner sandbox", {{"reason", notice.text}});
                }
                break;
            case Notice::Kind::loaded:
                tree->loaded = true;
                tree->version = notice.text;
                tree->signatures = notice.number;
                tree->made = notice.moment;
                take_over(tree);
                break;
            case Notice::Kind::not_loaded:
                tree->trouble = notice.text;
                crew.current() ? turn_down(tree) : take_over(tree);
                break;
            case Notice::Kind::worker:
                welcome(tree, notice, std::move(passed));
                break;
            case Notice::Kind::gone:
                bury(tree, static_cast<std::int64_t>(notice.number), notice.text);
                break;
            default:
                break;
        }
    }

    // A tree is ready: its workers first, then the messages, so that none waits for a fork.
    void take_over(const std::shared_ptr<Tree>& tree)
    {
        tree->answered = true;
        for (unsigned i = 0; i < settings.workers; ++i) fork_worker(tree, tree->first_slot + i);
    }

    // It has no signatures; what is in force is no worse.
    void turn_down(const std::shared_ptr<Tree>& tree)
    {
        next.reset();
        const auto& current = crew.current();
        if (current->loaded) {
            reject_set(tree->trouble);
        } else {
            current->trouble = tree->trouble;
            current->print = tree->print;
            raise_down(tree->trouble);
        }
        let_go(tree);
    }

    void fork_worker(const std::shared_ptr<Tree>& tree, unsigned slot)
    {
        tree->forking.push_back(slot);
        static_cast<void>(tree->line.send(encode(Notice{Notice::Kind::fork_worker, slot, 0, {}})));
    }

    void welcome(const std::shared_ptr<Tree>& tree, const Notice& notice, Descriptor passed)
    {
        if (!passed || tree->forking.empty()) return;
        auto worker = std::make_shared<Worker>(Line(io, std::move(passed)));
        worker->process = static_cast<std::int64_t>(notice.number);
        worker->slot = tree->forking.front();
        worker->tree = tree;
        tree->forking.pop_front();
        tree->workers.push_back(worker);
        if (tree == next && tree->forking.empty()) publish(tree);
        if (tree == crew.current()) crew.use(tree);
        publish_status();
    }

    void publish(const std::shared_ptr<Tree>& tree)
    {
        const auto old = crew.current();
        next.reset();
        crew.use(tree);
        trouble.clear();
        remembered.clear();
        if (old) {
            if (old->loaded) metrics.signature_swaps += 1;
            draining = old;
            let_go(old);
        }
        if (tree->loaded) log.info("signatures in force", {{"signatures", tree->version}, {"count", tree->signatures}});
        if (tree->loaded) alarms.clear("signatures-rejected");
        if (tree->trouble.empty())
            alarms.clear("scanner");
        else
            raise_down(tree->trouble);
    }

    // Busy workers end with their message.
    void let_go(const std::shared_ptr<Tree>& tree)
    {
        tree->leaving = true;
        for (const auto& worker : tree->workers)
            if (!worker->busy) worker->line.close();
        std::erase_if(tree->workers, [](const auto& worker) { return !worker->busy; });
        if (tree->workers.empty()) tree->line.close();
    }

    void reject_set(const std::string& why)
    {
        rejected_print = folder_print(settings.signatures);
        alarms.raise("signatures-rejected", "a new signature set in " + settings.signatures + " can't be used: " + why +
                                                "; the set in force stays. It is tried again when the files change.");
    }

    // --- workers ---

    void release(const std::shared_ptr<Worker>& worker)
    {
        const auto tree = worker->tree.lock();
        if (tree && tree->leaving) {
            worker->line.close();
            std::erase(tree->workers, worker);
            if (tree->workers.empty()) tree->line.close();
        } else {
            crew.give_back(worker);
        }
    }

    // It did not answer. Its tree kills it, tells, and gets a new one.
    void discard(const std::shared_ptr<Worker>& worker)
    {
        worker->line.close();
        worker->killed = std::chrono::steady_clock::now();
        if (const auto tree = worker->tree.lock())
            static_cast<void>(tree->line.send(
                encode(Notice{Notice::Kind::kill_worker, static_cast<std::uint64_t>(worker->process), 0, {}})));
    }

    void bury(const std::shared_ptr<Tree>& tree, std::int64_t process, const std::string& how)
    {
        const auto found = std::ranges::find(tree->workers, process, &Worker::process);
        if (found == tree->workers.end()) {
            if (process == 0 && !tree->forking.empty()) tree->forking.pop_front();
            return;
        }
        const auto worker = *found;
        const auto why = worker->killed ? "it did not answer within its deadline, or broke off" : how;
        tree->workers.erase(found);
        if (!worker->busy) worker->line.close();
        if (tree->leaving) {
            if (tree->workers.empty()) tree->line.close();
            return;
        }
        metrics.scanner_workers_replaced += 1;
        log.warning("scanner worker replaced", {{"process", process}, {"reason", how}});
        count_failure(why);
        if (failures.size() < failures_without_a_pause) fork_worker(tree, worker->slot);
        publish_status();
    }

    void count_failure(const std::string& why)
    {
        const auto now = std::chrono::steady_clock::now();
        failures.push_back(now);
        forget_failures(now);
        if (failures.size() >= failures_for_an_alarm)
            alarms.raise("scanner-failing", std::to_string(failures.size()) +
                                                " workers of the scanner were replaced within 5 minutes, the last one "
                                                "since " +
                                                why + "; their messages were deferred. The log has all of them.");
    }

    void forget_failures(Moment now)
    {
        while (!failures.empty() && failures.front() + failure_window < now) failures.pop_front();
        if (failures.empty()) alarms.clear("scanner-failing");
    }

    void raise_down(const std::string& why)
    {
        trouble = why;
        alarms.raise("scanner", "the scanner is out of service: " + why +
                                    "; mail that has to be checked is deferred until it is back");
    }

    // --- looking after them, each second ---

    asio::awaitable<void> tend(std::shared_ptr<Impl> self)
    {
        while (!stopping) {
            ticker.expires_after(1s);
            co_await ticker.async_wait(asio::as_tuple(asio::use_awaitable));
            if (stopping) break;
            const auto now = std::chrono::steady_clock::now();
            forget_failures(now);
            end_what_hangs(now);
            fork_missing();
            watch_signatures(now);
            watch_age();
            publish_status();
        }
        self.reset();
    }

    void fork_missing()
    {
        const auto tree = crew.current();
        if (!tree || tree->leaving || !tree->forking.empty()) return;
        for (unsigned slot = tree->first_slot; slot < tree->first_slot + settings.workers; ++slot)
            if (std::ranges::find(tree->workers, slot, &Worker::slot) == tree->workers.end()) fork_worker(tree, slot);
    }

    void end_what_hangs(Moment now)
    {
        for (const auto& tree : {crew.current(), draining}) {
            if (!tree) continue;
            const auto hangs = [now](const auto& worker) {
                return worker->killed && *worker->killed + patience_with_a_kill < now;
            };
            if (std::ranges::any_of(tree->workers, hangs)) {
                static_cast<void>(keeper->send(
                    encode(Notice{Notice::Kind::kill_tree, static_cast<std::uint64_t>(tree->process), 0, {}})));
                keeper_asked = keeper_asked.value_or(now);
            }
        }
        const bool quiet = !crew.current() || std::ranges::none_of(crew.current()->workers,
                                                                   [](const auto& worker) { return !!worker->killed; });
        if (quiet) keeper_asked.reset();
        if (keeper_asked && *keeper_asked + patience_with_a_kill < now) {
            kill(keeper_process, SIGKILL);
            keeper_asked.reset();
        }
    }

    void watch_signatures(Moment now)
    {
        if (settings.signatures.empty() || next || growing || draining || !crew.current()) return;
        const auto print = folder_print(settings.signatures);
        const bool settled = print == last_print;
        last_print = print;
        const auto& tree = *crew.current();
        const bool changed = settled && print != tree.print && print != rejected_print;
        const bool hopeful = !tree.loaded && now - growing_since > retry_without_a_set;
        if (!changed && !hopeful) return;
        const auto needed = resident_memory(tree.process) + settings.memory / 4;
        if (const auto free = available_memory(); tree.loaded && free != 0 && free < needed)
            return reject_set("there is not enough memory for two sets at one time (" + std::to_string(needed >> 20) +
                              " MiB needed, " + std::to_string(free >> 20) + " MiB available)");
        grow_tree();
    }

    void watch_age()
    {
        const auto& tree = crew.current();
        const bool old = tree && tree->loaded && age_of(*tree) > settings.signatures_age;
        too_old = old;
        if (old)
            alarms.raise("signatures", "the virus signatures (" + tree->version + ") are older than declared" +
                                           (settings.defer_when_old ? ", and mail is deferred" : "") +
                                           "; look at freshclam and its log");
        else
            alarms.clear("signatures");
    }

    [[nodiscard]] Duration age_of(const Tree& tree) const
    {
        const Instant made{std::chrono::seconds{static_cast<std::int64_t>(tree.made)}};
        return clock.now() - made;
    }

    // --- a message ---

    asio::awaitable<Result<vocabulary::Inspection>> serve([[maybe_unused]] std::shared_ptr<Impl> self, Order order,
                                                          std::string key, std::shared_ptr<const std::string> content)
    {
        const bool viruses = order.viruses;
        if (stopping) co_return cannot_check("posternd is stopping");
        if (crew.waiting() >= most_waiting) co_return cannot_check("too many messages wait for it");
        if (viruses && too_old && settings.defer_when_old)
            co_return cannot_check("the virus signatures are older than declared");
        if (viruses && crew.current() && !crew.current()->loaded)
            co_return cannot_check("there are no virus signatures: " + crew.current()->trouble);
        if (const auto* known = remembered.find(key)) {
            metrics.inspections_remembered += 1;
            co_return *known;
        }
        const Moment patience = std::chrono::steady_clock::now() + settings.deadline;
        const auto worker = co_await crew.take(patience);
        if (!worker) co_return cannot_check("no worker became free within the deadline");
        const auto tree = worker->tree.lock();
        std::optional<Datagram> datagram;
        const Moment deadline = std::chrono::steady_clock::now() + settings.deadline;
        if (hand_over(*worker, order, *content)) datagram = co_await worker->line.receive(deadline);
        auto answer = datagram ? decode_answer(datagram->bytes) : std::nullopt;
        const bool good = answer && answer->id == order.id &&
                          (!answer->failure.empty() || answer->inspection.parts.size() == order.pieces.size());
        if (!good) {
            discard(worker);
            co_return cannot_check(std::chrono::steady_clock::now() >= deadline ? "a worker did not answer in time"
                                                                                : "a worker broke off");
        }
        release(worker);
        if (!answer->failure.empty()) co_return cannot_check(answer->failure);
        if (tree && tree == crew.current()) remembered.keep(key, answer->inspection);
        co_return std::move(answer->inspection);
    }

    // The message as memory that nobody can change.
    static bool hand_over(Worker& worker, const Order& order, std::string_view content)
    {
        try {
            const Descriptor memory = sealed_memory(content);
            return worker.line.send(encode(order), memory.get());
        } catch (const std::exception&) {
            return false;
        }
    }

    // --- what others see ---

    void publish_status()
    {
        ports::InspectorStatus status;
        if (const auto& tree = crew.current()) {
            for (const auto& worker : tree->workers) status.workers.push_back({worker->process, worker->busy});
            if (tree->loaded) {
                status.signatures = tree->version;
                status.signature_count = tree->signatures;
                status.made = Instant{std::chrono::seconds{static_cast<std::int64_t>(tree->made)}};
            }
        }
        status.waiting = crew.waiting();
        status.loading = growing || (next && !next->answered);
        status.warnings = warnings;
        status.trouble = trouble;
        const std::lock_guard lock(mutex);
        shown = std::move(status);
    }

    struct Growing {
        unsigned first_slot = 0;
        std::string print;
    };

    asio::io_context& io;
    const Clock& clock;
    Log& log;
    ports::Metrics& metrics;
    ports::Alarms& alarms;
    vocabulary::Scanner settings;
    ScannerPlace place;
    pid_t keeper_process = 0;
    std::shared_ptr<Line> keeper;
    Crew crew;
    std::optional<Growing> growing;  ///< a tree was asked for and has not come yet
    Moment growing_since{};
    std::shared_ptr<Tree> next;      ///< loads
    std::shared_ptr<Tree> draining;  ///< finishes its messages
    asio::steady_timer ticker;
    std::optional<asio::steady_timer> ticker_for_keeper;
    std::deque<Moment> failures;
    std::optional<Moment> keeper_asked;
    std::vector<std::string> warnings;
    std::string last_print, rejected_print, trouble;
    VerdictCache remembered{most_remembered};
    bool too_old = false;
    bool stopping = false;
    std::atomic<std::uint64_t> last_id{0};
    mutable std::mutex mutex;
    ports::InspectorStatus shown;  // under mutex
};

Scanner::Scanner(asio::io_context& context, const Clock& clock, Log& log, ports::Metrics& metrics,
                 ports::Alarms& alarms, const vocabulary::Scanner& settings, ScannerPlace place)
    : impl_(std::make_shared<Impl>(context, clock, log, metrics, alarms, settings, std::move(place)))
{
}

Scanner::~Scanner()
{
    end();
}

void Scanner::end() noexcept
{
    if (impl_->keeper_process <= 0) return;
    // Its socket closes with the process that holds it; waiting for it would hold up an end in order.
    kill(impl_->keeper_process, SIGKILL);
    int status = 0;
    waitpid(impl_->keeper_process, &status, 0);
    impl_->keeper_process = 0;
}

void Scanner::spawn()
{
    impl_->spawn();
}

void Scanner::start()
{
    asio::co_spawn(impl_->io, impl_->watch_keeper(impl_), asio::detached);
    asio::co_spawn(impl_->io, impl_->tend(impl_), asio::detached);
}

void Scanner::follow(const vocabulary::Scanner& settings)
{
    asio::post(impl_->io, [impl = impl_, settings] {
        impl->settings.deadline = settings.deadline;
        impl->settings.signatures_age = settings.signatures_age;
        impl->settings.defer_when_old = settings.defer_when_old;
    });
}

void Scanner::stop()
{
    asio::post(impl_->io, [impl = impl_] {
        impl->stopping = true;
        impl->crew.dismiss();
        impl->ticker.cancel();
        if (impl->ticker_for_keeper) impl->ticker_for_keeper->cancel();
        if (impl->keeper) impl->keeper->close();
    });
}

asio::awaitable<Result<vocabulary::Inspection>> Scanner::inspect(ports::InspectionOrder wanted)
{
    const auto begun = std::chrono::steady_clock::now();
    Order order = order_for(wanted);
    order.id = ++impl_->last_id;
    auto key = VerdictCache::key(order, *wanted.content);
    auto work = impl_->serve(impl_, std::move(order), std::move(key), wanted.content);
    auto seen = co_await asio::co_spawn(impl_->io, std::move(work), asio::use_awaitable);
    const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun).count();
    auto& metrics = impl_->metrics;
    metrics.inspection_microseconds += static_cast<std::uint64_t>(took);
    (seen ? metrics.inspections : metrics.inspections_failed) += 1;
    if (seen) note_limits(wanted.structure.get(), *seen);
    if (seen && !seen->viruses.empty()) metrics.viruses_found += 1;
    co_return seen;
}

ports::InspectorStatus Scanner::status() const
{
    const std::lock_guard lock(impl_->mutex);
    return impl_->shown;
}

}  // namespace postern::scan
