// Storage that others may write to is named; storage as the service makes it is not.
#include "gateway/record_watch.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace postern;
namespace fs = std::filesystem;

TEST_CASE("storage that others may write to is named with what to do, each file for itself")
{
    const auto folder = fs::temp_directory_path() / ("postern-exposure-" + std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
    ::chmod(folder.c_str(), 0755);
    std::ofstream(folder / "mail.db") << "x";
    ::chmod((folder / "mail.db").c_str(), 0600);
    CHECK_FALSE(gateway::storage_exposure(folder.string()));
    ::chmod((folder / "mail.db").c_str(), 0622);
    const auto open = gateway::storage_exposure(folder.string());
    REQUIRE(open);
    CHECK(open->find((folder / "mail.db").string()) != std::string::npos);
    CHECK(open->find("chmod go-w") != std::string::npos);
    ::chmod((folder / "mail.db").c_str(), 0600);
    ::chmod(folder.c_str(), 0770);
    CHECK(gateway::storage_exposure(folder.string()));
    if (::geteuid() == 0) {
        ::chmod(folder.c_str(), 0700);
        REQUIRE(::chown((folder / "mail.db").c_str(), 12345, 12345) == 0);
        CHECK(gateway::storage_exposure(folder.string())->find("12345") != std::string::npos);
    }
    fs::remove_all(folder);
}
