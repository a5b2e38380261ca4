#include "scan/sandbox.hpp"

#include "scan/passing.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace postern::scan {

namespace {

// A build with a sanitizer keeps shadow memory of terabytes, and can't be limited so; its tree watches what it has.
constexpr std::uint64_t address_space_of_a_sanitizer = 1ULL << 40;

std::string reason(const std::string& what)
{
    return what + ": " + std::strerror(errno);
}

void write_file(const char* path, const std::string& text)
{
    const Descriptor file(open(path, O_WRONLY | O_CLOEXEC));
    if (!file || write(file.get(), text.data(), text.size()) < 0) throw std::runtime_error(reason(path));
}

// Root has them for the asking; others by a user namespace in which they are themselves.
bool own_namespaces(Warnings& warnings)
{
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (user == 0 && unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) == 0) return true;
    if (user != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) == 0) {
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1");
        write_file("/proc/self/gid_map", std::to_string(group) + " " + std::to_string(group) + " 1");
        return true;
    }
    warnings.push_back(reason("the scanner has no namespaces of its own; only its system calls are limited"));
    return false;
}

void make_slots(const Settings& settings, unsigned slots, bool mounts, uid_t user, gid_t group, Warnings& warnings)
{
    std::filesystem::create_directories(settings.folder);
    if (mounts && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) mounts = false;
    for (unsigned slot = 0; slot < slots; ++slot) {
        const auto folder = slot_folder(settings, slot);
        std::filesystem::create_directories(folder);
        const auto options = "size=" + std::to_string(settings.scanner.temporary) +
                             ",nr_inodes=20000,mode=0700,uid=" + std::to_string(user) + ",gid=" + std::to_string(group);
        if (mounts && mount("postern", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()) != 0)
            mounts = false;
        if (!mounts) {
            empty_slot(folder);
            if (geteuid() == 0 && chown(folder.c_str(), user, group) != 0)
                throw std::runtime_error(reason("can't give away " + folder));
            chmod(folder.c_str(), 0700);
        }
    }
    if (!mounts)
        warnings.emplace_back(
            "the scanner's temporary files are on the disk, and bounded one by one only: this machine permits no "
            "mounts");
}

void drop_everything(uid_t user, gid_t group)
{
    if (geteuid() == 0 && user != 0) {
        if (setgroups(0, nullptr) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0)
            throw std::runtime_error(reason("the scanner can't change its user"));
    }
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    if (syscall(SYS_capset, &header, none) != 0)
        throw std::runtime_error(reason("the scanner can't drop capabilities"));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        throw std::runtime_error(reason("the scanner can't renounce new privileges"));
}

// --- Landlock ---

constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t writing = reading | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_REG;
constexpr std::uint64_t all_of_version_1 = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;

class Landlock {
public:
    // What of these the headers of this build don't name yet: renaming across folders (2) and truncating (3).
    Landlock()
    {
        const auto version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (version < 1) return;
        handled_ = all_of_version_1;
        if (version >= 2) handled_ |= refer;
        if (version >= 3) handled_ |= truncating;
        landlock_ruleset_attr attributes{};  // newer headers have more of them
        attributes.handled_access_fs = handled_;
        rules_ = Descriptor(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
    }
    void allow(const std::string& path, std::uint64_t access)
    {
        const Descriptor folder(open(path.c_str(), O_PATH | O_CLOEXEC));
        if (!rules_ || !folder) return;
        landlock_path_beneath_attr attributes{};
        attributes.allowed_access = access & handled_;
        if (access & LANDLOCK_ACCESS_FS_WRITE_FILE) attributes.allowed_access |= (refer | truncating) & handled_;
        attributes.parent_fd = folder.get();
        syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &attributes, 0);
    }
    [[nodiscard]] bool enforce() const { return rules_ && syscall(SYS_landlock_restrict_self, rules_.get(), 0) == 0; }

private:
    static constexpr std::uint64_t refer = 1U << 13U;
    static constexpr std::uint64_t truncating = 1U << 14U;
    std::uint64_t handled_ = 0;
    Descriptor rules_;
};

// --- system calls ---

// What a scan does with memory, time and the files of its own folder. Everything else is denied: so is what Landlock
// does not govern and changes a file by its path, which may be any that its user owns.
constexpr std::array allowed{
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fchmod),
    SCMP_SYS(umask),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(memfd_create),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(futex),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(times),
    SCMP_SYS(getrusage),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(setrlimit),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

// Nothing that scans does these: whoever tries has taken the worker over, and it ends at once.
constexpr std::array deadly{
    SCMP_SYS(socket),   SCMP_SYS(connect),
    SCMP_SYS(bind),     SCMP_SYS(listen),
    SCMP_SYS(accept4),  SCMP_SYS(execve),
    SCMP_SYS(execveat), SCMP_SYS(fork),
    SCMP_SYS(vfork),    SCMP_SYS(ptrace),
    SCMP_SYS(mount),    SCMP_SYS(unshare),
    SCMP_SYS(setns),    SCMP_SYS(process_vm_writev),
    SCMP_SYS(bpf),      SCMP_SYS(io_uring_setup),
};

// A call whose first argument is a process: for this one alone.
bool allow_on(scmp_filter_ctx filter, int call, scmp_datum_t process)
{
    const scmp_arg_cmp same{0, SCMP_CMP_EQ, process, 0};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &same) == 0;
}

void limit_system_calls()
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool good = filter != nullptr;
    for (const int call : allowed) good = good && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
    good = good && allow_on(filter, SCMP_SYS(prlimit64), 0);                                 // itself
    good = good && allow_on(filter, SCMP_SYS(tgkill), static_cast<scmp_datum_t>(getpid()));  // abort()
    for (const int call : deadly) good = good && seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0) == 0;
    good = good && seccomp_load(filter) == 0;
    if (filter) seccomp_release(filter);
    if (!good) throw std::runtime_error("the scanner can't limit its system calls: the kernel needs seccomp filters");
}

void limit(__rlimit_resource what, std::uint64_t value)
{
    const rlimit limits{value, value};
    if (setrlimit(what, &limits) != 0) throw std::runtime_error(reason("the scanner can't limit itself"));
}

std::uint64_t address_space()
{
    std::uint64_t pages = 0;
    if (FILE* file = fopen("/proc/self/statm", "re")) {
        if (fscanf(file, "%lu", &pages) != 1) pages = 0;
        fclose(file);
    }
    return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string slot_folder(const Settings& settings, unsigned slot)
{
    return settings.folder + "/" + std::to_string(slot);
}

void empty_slot(const std::string& folder) noexcept
{
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        std::error_code failed;
        std::filesystem::remove_all(entry.path(), failed);
    }
}

Warnings confine_keeper(const Settings& settings, unsigned slots)
{
    Warnings warnings;
    uid_t user = geteuid();
    gid_t group = getegid();
    if (user == 0 && !settings.user.empty()) {
        const passwd* account = getpwnam(settings.user.c_str());
        if (!account) throw std::runtime_error("there is no account " + settings.user);
        user = account->pw_uid;
        group = account->pw_gid;
    }
    limit(RLIMIT_CORE, 0);
    umask(077);
    const bool namespaces = own_namespaces(warnings);
    make_slots(settings, slots, namespaces, user, group, warnings);
    if (geteuid() == 0 && chown(settings.folder.c_str(), user, group) != 0)
        throw std::runtime_error(reason("can't give away " + settings.folder));
    drop_everything(user, group);
    return warnings;
}

Warnings confine_tree(const Settings& settings)
{
    Landlock rules;
    for (const char* path : {"/usr", "/lib", "/lib64", "/etc", "/proc", "/dev/urandom", "/dev/null"})
        rules.allow(path, path[1] == 'd' ? LANDLOCK_ACCESS_FS_READ_FILE : reading | LANDLOCK_ACCESS_FS_EXECUTE);
    if (!settings.scanner.signatures.empty()) rules.allow(settings.scanner.signatures, reading);
    rules.allow(settings.folder, writing);
    if (rules.enforce()) return {};
    return {"the scanner can open any file that its user can: this kernel has no Landlock"};
}

void confine_worker(const Settings& settings, unsigned slot)
{
    const auto used = address_space();
    Landlock rules;
    rules.allow("/usr/lib", reading);  // charset tables, which libc opens when a text needs one
    rules.allow(slot_folder(settings, slot), writing);
    static_cast<void>(rules.enforce());  // the tree has said what is missing
    if (used < address_space_of_a_sanitizer) limit(RLIMIT_AS, used + settings.scanner.memory);
    limit(RLIMIT_FSIZE, settings.scanner.temporary);
    std::signal(SIGXFSZ, SIG_IGN);  // what unpacks to more is an error of that write, and no end of the worker
    limit(RLIMIT_NOFILE, 256);
    limit_system_calls();
}

void allow_processor_time(Duration more) noexcept
{
    rusage used{};
    rlimit limits{};
    if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limits) != 0) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(more).count() + 2;
    limits.rlim_cur = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec + seconds);
    setrlimit(RLIMIT_CPU, &limits);
}

}  // namespace postern::scan
