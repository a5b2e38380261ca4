#include "app/own_scanner.hpp"

#include "scan/scanner.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace postern::app {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto patience = 10s;

/// A folder that nobody else can see into, gone with the object.
class TemporaryFolder {
public:
    TemporaryFolder()
    {
        auto pattern = (fs::temp_directory_path() / "postern-explain-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("can't make a folder in " + pattern);
        path_ = pattern;
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const fs::path& path() const noexcept { return path_; }

private:
    fs::path path_;
};

class OwnScanner final : public ports::Inspector {
public:
    explicit OwnScanner(const vocabulary::Scanner& settings)
        : scanner_(io_, clock_, log_, metrics_, alarms_, settings,
                   {scan::scanner_program(), (folder_.path() / "scanner").string(), {}})
    {
        scanner_.spawn();
        scanner_.start();
        thread_ = std::jthread([this] { io_.run(); });
    }

    ~OwnScanner() override
    {
        scanner_.stop();
        work_.reset();
        io_.stop();
        thread_.join();
        scanner_.end();
    }

    /// Whether a worker came in time.
    [[nodiscard]] bool is_ready() const
    {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (scanner_.status().workers.empty()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }

    [[nodiscard]] boost::asio::awaitable<Result<vocabulary::Inspection>> inspect(ports::InspectionOrder order) override
    {
        return scanner_.inspect(std::move(order));
    }
    [[nodiscard]] ports::InspectorStatus status() const override { return scanner_.status(); }

private:
    TemporaryFolder folder_;
    SystemClock clock_;
    Log log_{(folder_.path() / "log").string()};
    ports::Metrics metrics_;
    ports::Alarms alarms_{log_, clock_};
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
    scan::Scanner scanner_;
    std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<ports::Inspector>> start_own_scanner(vocabulary::Scanner settings)
{
    settings.workers = 1;
    settings.signatures.clear();
    settings.wants_none = true;
    try {
        auto scanner = std::make_unique<OwnScanner>(settings);
        if (!scanner->is_ready()) return fault(Retry::later, "the scanner process did not become ready");
        return scanner;
    } catch (const std::exception& error) {
        return fault(Retry::never, error.what());
    }
}

}  // namespace postern::app
