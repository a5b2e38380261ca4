#include "scan/signature_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <cstdio>
#include <filesystem>
#include <set>

namespace postern::scan {

namespace {

// freshclam's own notes and unfinished downloads are no signatures.
bool is_signature_file(const std::string& name)
{
    return !name.starts_with(".") && !name.starts_with("tmp") && !name.starts_with("freshclam") &&
           !name.ends_with(".new") && !name.ends_with(".lock");
}

/// Bytes that the machine can still give, and bytes that a process has now; 0 where unknown.
std::uint64_t available_memory()
{
    std::uint64_t kibibytes = 0;
    if (FILE* file = fopen("/proc/meminfo", "re")) {
        char line[256];
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "MemAvailable: %lu", &kibibytes) == 1) break;
        fclose(file);
    }
    return kibibytes * 1024;
}

std::uint64_t resident_memory(std::int64_t process)
{
    std::uint64_t size = 0, resident = 0;
    const auto path = "/proc/" + std::to_string(process) + "/statm";
    if (FILE* file = fopen(path.c_str(), "re")) {
        if (fscanf(file, "%lu %lu", &size, &resident) != 2) resident = 0;
        fclose(file);
    }
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string folder_print(const std::string& folder)
{
    std::set<std::string> lines;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
        struct stat facts {};
        const auto name = entry.path().filename().string();
        if (!is_signature_file(name) || stat(entry.path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
        lines.insert(name + ' ' + std::to_string(facts.st_size) + ' ' + std::to_string(facts.st_mtim.tv_sec) + '.' +
                     std::to_string(facts.st_mtim.tv_nsec) + ' ' + std::to_string(facts.st_ctim.tv_sec) + '.' +
                     std::to_string(facts.st_ctim.tv_nsec) + '\n');
    }
    std::string print;
    for (const auto& line : lines) print += line;
    return print;
}

bool SignatureWatch::has_news(const std::string& in_force)
{
    auto now = print();
    const bool rested = now == seen_last_;
    seen_last_ = std::move(now);
    return rested && seen_last_ != in_force && seen_last_ != turned_down_;
}

std::string missing_memory(std::int64_t process, std::uint64_t worker)
{
    const auto needed = resident_memory(process) + worker / 4;
    const auto free = available_memory();
    if (free == 0 || free >= needed) return {};
    return "there is not enough memory for two sets at one time (" + std::to_string(needed >> 20) + " MiB needed, " +
           std::to_string(free >> 20) + " MiB available)";
}

}  // namespace postern::scan
