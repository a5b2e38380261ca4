// The demo community's folder, copied so that a test may change it.
#pragma once

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <string>

namespace postern::policy::test {

/// In a folder of its own until it goes, with certificates that are only there. `name` keeps two tests apart.
struct DemoCopy {
    std::filesystem::path directory;
    explicit DemoCopy(const std::string& name)
        : directory(std::filesystem::temp_directory_path() / ("postern-" + name + "-" + std::to_string(::getpid())) /
                    "rules")
    {
        std::filesystem::remove_all(directory.parent_path());
        std::filesystem::create_directories(directory.parent_path());
        std::filesystem::copy(POSTERN_SOURCE_DIR "/rules", directory, std::filesystem::copy_options::recursive);
        std::filesystem::create_directories(directory / "tls");
        for (const char* file : {"mx.pem", "mx.key", "members.pem"}) std::ofstream(directory / "tls" / file) << "x";
    }
    ~DemoCopy() { std::filesystem::remove_all(directory.parent_path()); }
    DemoCopy(const DemoCopy&) = delete;
    DemoCopy& operator=(const DemoCopy&) = delete;
};

}  // namespace postern::policy::test
