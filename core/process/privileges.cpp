#include "process/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace postern::process {

namespace {

[[noreturn]] void fail(const std::string& what)
{
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

const passwd& account(const std::string& user)
{
    const passwd* entry = getpwnam(user.c_str());
    if (!entry)
        throw std::runtime_error("node.yaml names the user \"" + user +
                                 "\", but there is no such account; make it with: "
                                 "adduser --system --group " +
                                 user);
    return *entry;
}

// The capability to bind ports below 1024, and nothing else, effective after the change of user.
void keep_only_low_ports()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    const std::uint32_t low_ports = 1U << CAP_NET_BIND_SERVICE;
    data[0].effective = data[0].permitted = low_ports;
    if (syscall(SYS_capset, &header, data) != 0) fail("can't reduce capabilities");
}

}  // namespace

void drop(const std::string& user)
{
    umask(077);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0);
    if (geteuid() == 0 && !user.empty()) {
        const passwd entry = account(user);
        prctl(PR_SET_KEEPCAPS, 1);
        if (initgroups(user.c_str(), entry.pw_gid) != 0) fail("can't take the groups of " + user);
        if (setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) != 0) fail("can't become the group of " + user);
        if (setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) != 0) fail("can't become " + user);
        keep_only_low_ports();
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("can't renounce new privileges");
}

void hand_over(const std::string& directory, const std::string& user)
{
    if (geteuid() != 0 || user.empty()) return;
    const passwd entry = account(user);
    const auto give = [&](const std::string& path) {
        struct stat facts {};
        if (lstat(path.c_str(), &facts) != 0 || (facts.st_uid == entry.pw_uid && facts.st_gid == entry.pw_gid)) return;
        if (lchown(path.c_str(), entry.pw_uid, entry.pw_gid) != 0) fail("can't give " + path + " to " + user);
    };
    give(directory);
    std::error_code failed;
    for (auto below = std::filesystem::recursive_directory_iterator(directory, failed);
         !failed && below != std::filesystem::recursive_directory_iterator(); below.increment(failed))
        give(below->path().string());
}

unsigned long raise_open_files()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

}  // namespace postern::process
