// Reload: read and validate -> compile -> prepare listeners and TLS -> publish.
//
// A thread of its own does all of it, on request, on SIGHUP, or when the policy's files (or the certificates it names)
// have changed and then been quiet for a while. The new generation goes live only if all of it is valid; otherwise the
// old one stays in force, and the log, the alarms and status() say why.
#pragma once

#include "gateway/intake.hpp"
#include "gateway/services.hpp"
#include "gateway/watch.hpp"
#include "policy/loader.hpp"

#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace postern::gateway {

/// What the last reload came to.
struct ReloadReport {
    enum class Outcome { published, unchanged, rejected } outcome = Outcome::unchanged;
    std::uint64_t generation = 0;  ///< in force afterwards
    Instant at{};
    std::string author;               ///< who or what asked: "files changed", "signal", "root by control"
    policy::Diagnostics diagnostics;  ///< warnings too
    std::string reason;               ///< of a rejection that has no place in a file
    std::size_t files = 0, files_read = 0;
    Duration took{};
};

class Reload {
public:
    Reload(std::filesystem::path directory, const Clock& clock, Log& log, ports::Metrics& metrics,
           ports::Alarms& alarms, Generations& generations, store::MailStore& store, Intake& intake);
    ~Reload();

    /// The first load, of a policy that was read already (for where the store is): publishes, or says why not.
    /// Blocking.
    [[nodiscard]] ReloadReport start();
    /// Begins to watch. `published` is called on the reloading thread after each new generation.
    void watch(std::function<void()> published);
    /// Asks for a reload; the future is ready when it is done. Any thread.
    [[nodiscard]] std::future<ReloadReport> request(std::string author);
    [[nodiscard]] ReloadReport last() const;
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
    void stop();

private:
    struct Request {
        std::string author;
        std::promise<ReloadReport> done;
    };
    void run();
    [[nodiscard]] ReloadReport reload(const std::string& author);
    [[nodiscard]] ReloadReport load_and_publish(const std::string& author);
    [[nodiscard]] policy::Loaded load_numbered(const std::string& author);
    [[nodiscard]] Result<void> publish(const policy::SnapshotPtr& snapshot);
    void tell(const ReloadReport& report);
    [[nodiscard]] std::string beside_signature() const;
    void watch_certificate_dates();
    void poke();

    std::filesystem::path directory_;
    const Clock& clock_;
    Log& log_;
    ports::Metrics& metrics_;
    ports::Alarms& alarms_;
    Generations& generations_;
    store::MailStore& store_;
    Intake& intake_;
    policy::Loader loader_;
    PolicyWatch watch_;
    std::function<void()> published_;
    std::string beside_seen_;   // when the generation in force was published
    std::string beside_tried_;  // at the last reload, whatever came of it

    mutable std::mutex mutex_;
    std::deque<Request> requests_;  // under mutex_
    ReloadReport last_;             // under mutex_
    std::atomic<bool> stop_{false};
    int poke_ = -1;  // eventfd
    std::thread thread_;
};

}  // namespace postern::gateway
