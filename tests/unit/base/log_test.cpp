// The log: one JSON object a line, whatever the values hold.
#include "base/log.hpp"

#include <unistd.h>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

using namespace postern;

namespace {

/// A file name that is free, and is removed at the end.
class TemporaryFile {
public:
    TemporaryFile() : path_(std::filesystem::temp_directory_path() / ("postern-log-" + std::to_string(getpid())))
    {
        clear();
    }
    ~TemporaryFile() { clear(); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    [[nodiscard]] std::string path() const { return path_.string(); }
    [[nodiscard]] std::vector<boost::json::object> lines() const
    {
        std::ifstream file(path_);
        std::vector<boost::json::object> parsed;
        for (std::string line; std::getline(file, line);) parsed.push_back(boost::json::parse(line).as_object());
        return parsed;
    }

private:
    void clear() const { std::filesystem::remove(path_); }
    std::filesystem::path path_;
};

}  // namespace

TEST_CASE("each line is one JSON object with time, level, event and fields")
{
    const TemporaryFile file;
    {
        Log log(file.path());
        log.info("received", {{"message", "01J"}, {"size", std::uint64_t{20}}, {"count", -1}, {"tls", true}});
        log.error("line\nbreak", {{"reason", std::string("quote \" back \\ nul \0 control \x01", 31)}});
    }

    const auto lines = file.lines();
    REQUIRE(lines.size() == 2);
    REQUIRE(lines[0].at("event") == "received");
    REQUIRE(lines[0].at("level") == "info");
    REQUIRE(lines[0].at("message") == "01J");
    REQUIRE(lines[0].at("size").to_number<int>() == 20);
    REQUIRE(lines[0].at("count").to_number<int>() == -1);
    REQUIRE(lines[0].at("tls").as_bool());
    REQUIRE(lines[0].contains("time"));
    REQUIRE(lines[1].at("event") == "line\nbreak");
    REQUIRE(lines[1].at("reason").as_string().size() == 31);
}

TEST_CASE("bytes that are no UTF-8 do not spoil a line")
{
    const TemporaryFile file;
    {
        Log log(file.path());
        log.info("odd", {{"peer", "caf\xE9"}});
    }

    REQUIRE(file.lines().size() == 1);
}

TEST_CASE("lines below the least level are left out")
{
    const TemporaryFile file;
    {
        Log log(file.path(), Level::warning);
        log.info("quiet");
        log.warning("loud");
    }

    const auto lines = file.lines();
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0].at("event") == "loud");
}

TEST_CASE("no line is lost or mixed when many threads write")
{
    const TemporaryFile file;
    {
        Log log(file.path());
        std::vector<std::jthread> writers;
        for (int t = 0; t < 4; ++t)
            writers.emplace_back([&log, t] {
                for (int i = 0; i < 2000; ++i) log.info("busy", {{"count", t * 10'000 + i}});
            });
    }

    REQUIRE(file.lines().size() == 8000);
}

TEST_CASE("a file moved away is opened anew")
{
    const TemporaryFile file;
    const std::string rotated = file.path() + ".1";
    {
        Log log(file.path());
        log.info("before");
        for (int i = 0; i < 500 && std::filesystem::file_size(file.path()) == 0; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        std::filesystem::rename(file.path(), rotated);
        log.reopen();
        for (int i = 0; i < 500 && !std::filesystem::exists(file.path()); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        log.info("after");
    }

    const auto lines = file.lines();
    std::filesystem::remove(rotated);
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0].at("event") == "after");
}

TEST_CASE("a target that cannot be opened is said at once")
{
    REQUIRE_THROWS_AS(Log("/nonexistent/directory/log"), std::runtime_error);
}
