// What a worker may do when it has been taken over, tried in a process of its own.
#include "scan/sandbox.hpp"

#include "looks.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>

using namespace postern::scan;

namespace {

/// What `act` returns in a confined worker; -1: it was killed.
int in_a_worker(const looks::Folder& folder, const std::function<int()>& act)
{
    Settings settings;
    settings.folder = folder.path();
    std::filesystem::create_directories(slot_folder(settings, 0));
    const pid_t child = fork();
    if (child == 0) {
        int result = 99;
        try {
            confine_worker(settings, 0);
            result = act();
        } catch (const std::exception&) {
            result = 98;
        }
        _exit(result);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a worker can limit and signal itself, and no other process")
{
    const looks::Folder folder;
    const pid_t other = getpid();
    CHECK(in_a_worker(folder, [other] {
              rlimit limits{};
              if (prlimit(0, RLIMIT_CPU, nullptr, &limits) != 0) return 1;
              if (prlimit(other, RLIMIT_CPU, nullptr, &limits) == 0) return 2;
              if (syscall(SYS_tgkill, other, other, 0) == 0) return 3;
              if (syscall(SYS_tgkill, getpid(), gettid(), 0) != 0) return 4;
              return 0;
          }) == 0);
}

TEST_CASE("a worker changes no file by its path outside of its folder, and its own by descriptors")
{
    const looks::Folder folder;
    folder.write("other", "kept");
    const auto path = folder.path("other");
    CHECK(in_a_worker(folder, [&] {
              if (chmod(path.c_str(), 0) == 0) return 1;
              if (fchmodat(AT_FDCWD, path.c_str(), 0, 0) == 0) return 2;
              if (truncate(path.c_str(), 0) == 0) return 3;
              if (utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0) return 4;
              const int own = open(folder.path("0/own").c_str(), O_RDWR | O_CREAT, 0600);
              if (own < 0 || ftruncate(own, 10) != 0 || fchmod(own, 0400) != 0) return 5;
              return 0;
          }) == 0);
    CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("a worker that opens a socket is ended")
{
    const looks::Folder folder;
    CHECK(in_a_worker(folder, [] { return static_cast<int>(syscall(SYS_socket, 2, 1, 0)); }) == -1);
}
