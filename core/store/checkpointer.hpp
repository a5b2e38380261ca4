// Keeps the write-ahead log short without making a commit wait for it.
//
// A thread with a connection of its own copies the log into the database (passively: nobody is locked out); the
// writer then copies the little that was written meanwhile, so that its next commit starts the log anew. Owned by
// Writer. A failure is left to the writer to meet: it uses the same file.
#pragma once

#include "store/database.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace postern::store {

class Checkpointer {
public:
    explicit Checkpointer(const std::filesystem::path& file);
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    /// Called by the writer between its commits, with its own connection.
    void after_commit(Database& writer);

private:
    void serve(Database& database);
    void start(int pages);
    void finish(Database& writer);

    std::filesystem::path file_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool wanted_ = false;
    bool stopping_ = false;
    std::atomic<bool> running_ = false;
    std::atomic<int> settled_ = 0;  ///< pages of the log that the last copy settled
    int started_at_ = 0;            ///< pages in the log when the last copy began; writer's thread only
    std::chrono::steady_clock::time_point finished_{};
    std::thread thread_;
};

}  // namespace postern::store
