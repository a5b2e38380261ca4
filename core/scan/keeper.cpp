#include "scan/keeper.hpp"

#include "scan/look_inside.hpp"
#include "scan/sandbox.hpp"
#include "scan/virus_engine.hpp"
#include "scan/worker.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <thread>

namespace postern::scan {

namespace {

constexpr int ended = 0;
constexpr int could_not_start = 1;
constexpr int less_urgent = 10;

[[noreturn]] void end_with(int code)
{
    _exit(code);  // a forked process leaves its parent's buffers and destructors alone
}

void say(int socket, Notice::Kind kind, std::uint64_t number, const std::string& text = {}, int passed = -1,
         std::uint64_t moment = 0)
{
    // Where posternd is gone the next poll says so.
    static_cast<void>(send_datagram(socket, encode(Notice{kind, number, moment, text}), passed));
}

// Forks. The child ends with its parent, whatever ends that.
pid_t fork_child(const char* name)
{
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) end_with(ended);
    prctl(PR_SET_NAME, name);
    return 0;
}

std::string how_it_ended(int status)
{
    if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
    return "ended with " + std::to_string(WEXITSTATUS(status));
}

// Children that end, as a descriptor to poll.
Descriptor watch_children()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void unblock_signals()
{
    sigset_t set;
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, nullptr);
}

// Bytes that a process has written: what it shares by fork and has not changed counts here as well.
std::uint64_t anonymous_memory(pid_t process)
{
    std::uint64_t size = 0, resident = 0, shared = 0;
    const auto path = "/proc/" + std::to_string(process) + "/statm";
    if (FILE* file = fopen(path.c_str(), "re")) {
        if (fscanf(file, "%lu %lu %lu", &size, &resident, &shared) != 3) resident = shared = 0;
        fclose(file);
    }
    return resident > shared ? (resident - shared) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

// What both processes do: notices from posternd, children that end.
class Household {
public:
    explicit Household(Descriptor socket) : socket_(std::move(socket)), children_(watch_children()) {}
    virtual ~Household() = default;
    Household(const Household&) = delete;
    Household& operator=(const Household&) = delete;

    /// Until posternd closes the socket, or says what it never says.
    void run(int tick_milliseconds)
    {
        for (;;) {
            std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}}};
            const int ready = poll(waiting.data(), waiting.size(), tick_milliseconds);
            if (ready == 0) tick();
            if (waiting[1].revents != 0) reap();
            if (waiting[0].revents != 0 && !take_notice()) return;
        }
    }

protected:
    virtual bool act(const Notice& notice) = 0;
    virtual void child_ended(pid_t child, int status) = 0;
    virtual void tick() {}

    Descriptor socket_;
    Descriptor children_;

private:
    bool take_notice()
    {
        Datagram datagram;
        if (receive_datagram(socket_.get(), datagram) != Received::datagram) return false;
        const auto notice = decode_notice(datagram.bytes);
        return notice && act(*notice);
    }

    void reap()
    {
        signalfd_siginfo ignored;
        while (read(children_.get(), &ignored, sizeof ignored) > 0) continue;
        int status = 0;
        for (pid_t child = 0; (child = waitpid(-1, &status, WNOHANG)) > 0;) child_ended(child, status);
    }
};

class Tree final : public Household {
public:
    Tree(Descriptor socket, const Settings& settings, unsigned first_slot, bool mail_waits)
        : Household(std::move(socket)), settings_(settings), first_slot_(first_slot), mail_waits_(mail_waits)
    {
    }

    [[noreturn]] void live()
    {
        for (const auto& warning : confine_tree(settings_)) say(socket_.get(), Notice::Kind::warning, 0, warning);
        load();
        run(500);
        end_with(ended);
    }

private:
    void load()
    {
        if (settings_.scanner.signatures.empty()) return say(socket_.get(), Notice::Kind::not_loaded, 0, "");
        auto engine = load_in_the_background();
        if (!engine) return say(socket_.get(), Notice::Kind::not_loaded, 0, engine.error().describe());
        engine_ = std::move(*engine);
        say(socket_.get(), Notice::Kind::loaded, engine_->signatures(), engine_->version(), -1, engine_->made());
    }

    // Seconds of work, for which the messages of the set in force shall not wait: a thread has a niceness of its own,
    // which workers do not inherit.
    Result<std::unique_ptr<VirusEngine>> load_in_the_background()
    {
        Result<std::unique_ptr<VirusEngine>> engine = std::unique_ptr<VirusEngine>();
        mallopt(M_ARENA_MAX, 1);  // what is loaded lies where workers allocate
        std::thread loader([&] {
            if (!mail_waits_) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), less_urgent);
            engine = VirusEngine::load(settings_.scanner, slot_folder(settings_, first_slot_));
        });
        loader.join();
        return engine;
    }

    bool act(const Notice& notice) override
    {
        if (notice.kind == Notice::Kind::fork_worker && notice.number < slots_for(settings_.scanner.workers)) {
            fork_worker(static_cast<unsigned>(notice.number));
            return true;
        }
        if (notice.kind == Notice::Kind::kill_worker) {
            const auto child = static_cast<pid_t>(notice.number);
            if (workers_.contains(child)) kill(child, SIGKILL);
            return true;
        }
        return false;
    }

    void fork_worker(unsigned slot)
    {
        auto [ours, theirs] = socket_pair();
        const pid_t child = fork_child("scan-worker");
        if (child == 0) {
            socket_.reset();
            children_.reset();
            theirs.reset();
            unblock_signals();
            run_worker(std::move(ours), settings_, slot, types_, engine_.get());
        }
        if (child < 0)
            return say(socket_.get(), Notice::Kind::gone, 0,
                       std::string("no worker can be started: ") + std::strerror(errno));
        workers_[child] = {slot, anonymous_memory(getpid())};
        say(socket_.get(), Notice::Kind::worker, static_cast<std::uint64_t>(child), {}, theirs.get());
    }

    void child_ended(pid_t child, int status) override
    {
        const auto worker = workers_.find(child);
        if (worker == workers_.end()) return;
        empty_slot(slot_folder(settings_, worker->second.slot));
        const bool bloated = worker->second.bloated;
        workers_.erase(worker);
        say(socket_.get(), Notice::Kind::gone, static_cast<std::uint64_t>(child),
            bloated ? "used more memory than it may" : how_it_ended(status));
    }

    // The limit on address space does the same, but not in a build with a sanitizer, and not for shared pages.
    void tick() override
    {
        for (auto& [child, worker] : workers_) {
            if (anonymous_memory(child) <= worker.inherited + settings_.scanner.memory) continue;
            worker.bloated = true;
            kill(child, SIGKILL);
        }
    }

    const Settings& settings_;
    unsigned first_slot_;
    bool mail_waits_;
    TypeDetector types_;
    std::unique_ptr<VirusEngine> engine_;
    struct Worker {
        unsigned slot = 0;
        std::uint64_t inherited = 0;  ///< bytes of signatures that it shares with this tree
        bool bloated = false;
    };
    std::map<pid_t, Worker> workers_;
};

class Keeper final : public Household {
public:
    Keeper(Descriptor control, Settings settings) : Household(std::move(control)), settings_(std::move(settings)) {}

    void live()
    {
        for (const auto& warning : confine_keeper(settings_, slots_for(settings_.scanner.workers)))
            say(socket_.get(), Notice::Kind::warning, 0, warning);
        run(-1);
    }

private:
    bool act(const Notice& notice) override
    {
        if (notice.kind == Notice::Kind::grow_tree && notice.number < slots_for(settings_.scanner.workers)) {
            grow_tree(static_cast<unsigned>(notice.number), notice.moment != 0);
            return true;
        }
        if (notice.kind == Notice::Kind::kill_tree) {
            const auto child = static_cast<pid_t>(notice.number);
            if (trees_.contains(child)) kill(child, SIGKILL);
            return true;
        }
        return false;
    }

    void grow_tree(unsigned first_slot, bool mail_waits)
    {
        auto [ours, theirs] = socket_pair();
        const pid_t child = fork_child("scan-signatures");
        if (child == 0) {
            socket_.reset();
            theirs.reset();
            children_.reset();
            try {
                Tree(std::move(ours), settings_, first_slot, mail_waits).live();
            } catch (const std::exception& error) {
                std::fprintf(stderr, "postern-scan: %s\n", error.what());
                end_with(could_not_start);
            }
        }
        if (child > 0) trees_[child] = first_slot;
        say(socket_.get(), Notice::Kind::tree, child > 0 ? static_cast<std::uint64_t>(child) : 0, {}, theirs.get());
    }

    void child_ended(pid_t child, int) override { trees_.erase(child); }

    Settings settings_;
    std::map<pid_t, unsigned> trees_;
};

}  // namespace

int keep(Descriptor control)
{
    try {
        Datagram datagram;
        if (receive_datagram(control.get(), datagram) != Received::datagram) return ended;
        auto settings = decode_settings(datagram.bytes);
        if (!settings) {
            std::fprintf(stderr, "postern-scan: posternd is of another version; restart it\n");
            return could_not_start;
        }
        Keeper(std::move(control), std::move(*settings)).live();
        return ended;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "postern-scan: %s\n", error.what());
        return could_not_start;
    }
}

}  // namespace postern::scan
