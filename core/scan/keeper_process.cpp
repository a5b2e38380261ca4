#include "scan/keeper_process.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <climits>
#include <csignal>
#include <cstring>
#include <stdexcept>

extern char** environ;

namespace postern::scan {

std::string scanner_program()
{
    char path[PATH_MAX];
    const auto size = readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0) return "postern-scan";
    const std::string_view own(path, static_cast<std::size_t>(size));
    return std::string(own.substr(0, own.rfind('/') + 1)) + "postern-scan";
}

void KeeperProcess::spawn(const vocabulary::Scanner& settings)
{
    if (access(place_.program.c_str(), X_OK) != 0)
        throw std::runtime_error("there is no program " + place_.program +
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
    const int failed = posix_spawn(&process_, place_.program.c_str(), &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        process_ = 0;
        throw std::runtime_error("can't start " + place_.program + ": " + std::strerror(failed));
    }
    line_ = std::make_shared<Line>(io_, std::move(ours));
    static_cast<void>(line_->send(encode(Settings{settings, place_.folder, place_.user})));
}

void KeeperProcess::tell(const Notice& notice) const
{
    // Where it is gone its line says so to whoever reads.
    if (line_) static_cast<void>(line_->send(encode(notice)));
}

void KeeperProcess::end() noexcept
{
    if (process_ <= 0) return;
    kill();
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = 0;
}

void KeeperProcess::kill() const noexcept
{
    if (process_ > 0) ::kill(process_, SIGKILL);
}

}  // namespace postern::scan
