#include "store/checkpointer.hpp"

#include <pthread.h>

namespace postern::store {

namespace {

constexpr int start_at = 1'000;      // pages of 8 KiB: the log that is worth copying
constexpr int small_rest = 400;      // pages that the writer copies itself, a few milliseconds
constexpr int longest_log = 32'768;  // 256 MiB: from here on the bound matters more than a commit's wait
constexpr std::chrono::milliseconds between_finishes{50};

}  // namespace

Checkpointer::Checkpointer(const std::filesystem::path& file) : file_(file)
{
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "checkpoint");
        auto database = Database::open(file_, {.access = Database::Access::read_write, .cache_kib = 256});
        if (database) serve(*database);
    });
}

Checkpointer::~Checkpointer()
{
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Checkpointer::serve(Database& database)
{
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || wanted_; });
        if (stopping_) return;
        wanted_ = false;
        lock.unlock();
        try {
            settled_ = database.checkpoint().settled;
        } catch (const StorageFailure&) {
            settled_ = 0;  // the writer meets the same trouble and tells it
        }
        running_ = false;
        lock.lock();
    }
}

void Checkpointer::after_commit(Database& writer)
{
    const int pages = writer.pages_in_log();
    if (pages < started_at_) started_at_ = settled_ = 0;  // the log began anew
    if (pages < start_at || running_) return;
    if (pages - settled_ > small_rest && pages < longest_log)
        start(pages);
    else
        finish(writer);
}

void Checkpointer::start(int pages)
{
    started_at_ = pages;
    running_ = true;
    {
        const std::lock_guard lock(mutex_);
        wanted_ = true;
    }
    wake_.notify_one();
}

// Only a log that is copied whole can begin anew; a reader that still needs it puts that off.
void Checkpointer::finish(Database& writer)
{
    const auto now = std::chrono::steady_clock::now();
    if (now - finished_ < between_finishes) return;
    finished_ = now;
    settled_ = writer.checkpoint().settled;
}

}  // namespace postern::store
