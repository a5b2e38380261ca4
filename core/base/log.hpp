// The log: one JSON object a line, with fixed field names, so that machines and people can search it.
//
// Thread-safe. Lines are written by a thread of their own; a full queue makes the caller wait rather than lose
// lines. main() makes one Log and hands it down; there is no global.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace postern {

enum class Level { debug, info, warning, error, alert };

/// One field of a line. Names in use: message, generation, organisation, peer, listener, sender, recipient,
/// next_hop, tls, outcome, reply, reason, size, milliseconds, file, count.
struct LogField {
    std::string_view name;
    std::variant<std::string_view, std::int64_t, std::uint64_t, bool> value;

    LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
    LogField(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
    LogField(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
    LogField(std::string_view n, std::int64_t v) : name(n), value(v) {}
    LogField(std::string_view n, std::uint64_t v) : name(n), value(v) {}
    LogField(std::string_view n, int v) : name(n), value(std::int64_t{v}) {}
    LogField(std::string_view n, unsigned v) : name(n), value(std::uint64_t{v}) {}
    LogField(std::string_view n, bool v) : name(n), value(v) {}
};

class Log {
public:
    /// `target` is "stderr" or a file path (appended to). Throws std::runtime_error when it can't be opened.
    explicit Log(const std::string& target, Level least = Level::info);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// {"time":...,"level":...,"event":EVENT, fields...}. Views are read before the call returns.
    void write(Level level, std::string_view event, std::initializer_list<LogField> fields = {});
    void info(std::string_view event, std::initializer_list<LogField> fields = {})
    {
        write(Level::info, event, fields);
    }
    void warning(std::string_view event, std::initializer_list<LogField> fields = {})
    {
        write(Level::warning, event, fields);
    }
    void error(std::string_view event, std::initializer_list<LogField> fields = {})
    {
        write(Level::error, event, fields);
    }

    /// Returns when everything written before has left the process.
    void flush();
    /// Opens a target file anew, for log rotation. Harmless for stderr.
    void reopen();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace postern
