#include "base/log.hpp"

#include "base/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <condition_variable>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace postern {

namespace {

// A writer that stops reading (a full pipe) must slow the engine down, not let memory grow.
constexpr std::size_t queue_limit = std::size_t{4} << 20;

std::string_view name_of(Level level)
{
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
        case Level::alert:
            return "alert";
    }
    return "error";
}

void append_json(fmt::memory_buffer& line, std::string_view text)
{
    const bool utf8 = is_utf8(text);
    line.push_back('"');
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            line.push_back('\\');
            line.push_back(c);
        } else if (byte < 0x20 || byte == 0x7F || (!utf8 && byte >= 0x80)) {
            fmt::format_to(std::back_inserter(line), "\\u{:04x}", byte);
        } else {
            line.push_back(c);
        }
    }
    line.push_back('"');
}

struct AppendValue {
    fmt::memory_buffer& line;
    void operator()(std::string_view text) const { append_json(line, text); }
    void operator()(bool value) const { fmt::format_to(std::back_inserter(line), "{}", value); }
    void operator()(std::int64_t value) const { fmt::format_to(std::back_inserter(line), "{}", value); }
    void operator()(std::uint64_t value) const { fmt::format_to(std::back_inserter(line), "{}", value); }
};

}  // namespace

struct Log::Impl {
    std::string target;
    Level least;
    int descriptor = -1;
    std::mutex mutex;
    std::condition_variable filled, drained;
    std::string queue;
    bool stop = false;
    bool reopen = false;
    bool writing = false;
    std::thread thread;

    void open()
    {
        if (target == "stderr") {
            descriptor = STDERR_FILENO;
            return;
        }
        const int fresh = ::open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fresh < 0) {
            if (descriptor < 0) throw std::runtime_error("cannot open the log file " + target);
            return;  // a rotation that fails goes on with the old file
        }
        if (descriptor >= 0) ::close(descriptor);
        descriptor = fresh;
    }

    void write_out(std::string_view lines) const
    {
        while (!lines.empty()) {
            const auto written = ::write(descriptor, lines.data(), lines.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return;
            lines.remove_prefix(static_cast<std::size_t>(written));
        }
    }

    void run()
    {
        std::string taken;
        std::unique_lock lock(mutex);
        for (;;) {
            filled.wait(lock, [this] { return stop || reopen || !queue.empty(); });
            if (std::exchange(reopen, false)) open();
            if (queue.empty() && stop) return;
            taken.clear();
            taken.swap(queue);
            writing = true;
            lock.unlock();
            drained.notify_all();
            write_out(taken);
            lock.lock();
            writing = false;
            drained.notify_all();
        }
    }
};

Log::Log(const std::string& target, Level least) : impl_(std::make_unique<Impl>())
{
    impl_->target = target;
    impl_->least = least;
    impl_->open();
    impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

Log::~Log()
{
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stop = true;
    }
    impl_->filled.notify_one();
    impl_->thread.join();
    if (impl_->descriptor > STDERR_FILENO) ::close(impl_->descriptor);
}

void Log::write(Level level, std::string_view event, std::initializer_list<LogField> fields)
{
    if (level < impl_->least) return;
    fmt::memory_buffer line;
    fmt::format_to(std::back_inserter(line), R"({{"time":"{}","level":"{}","event":)", to_iso8601(SystemClock{}.now()),
                   name_of(level));
    append_json(line, event);
    for (const auto& field : fields) {
        fmt::format_to(std::back_inserter(line), R"(,"{}":)", field.name);
        std::visit(AppendValue{line}, field.value);
    }
    line.push_back('}');
    line.push_back('\n');

    std::unique_lock lock(impl_->mutex);
    impl_->drained.wait(lock, [this] { return impl_->queue.size() < queue_limit; });
    const bool was_empty = impl_->queue.empty();
    impl_->queue.append(line.data(), line.size());
    lock.unlock();
    if (was_empty) impl_->filled.notify_one();
}

void Log::flush()
{
    std::unique_lock lock(impl_->mutex);
    impl_->drained.wait(lock, [this] { return impl_->queue.empty() && !impl_->writing; });
}

void Log::reopen()
{
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->reopen = true;
    }
    impl_->filled.notify_one();
}

}  // namespace postern
