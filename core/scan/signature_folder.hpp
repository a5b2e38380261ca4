// The signature folder as posternd sees it from outside: whether it has changed, and whether a new set fits in memory.
//
// Reads names and dates only; short system calls, any thread. An unreadable folder has an empty print.
#pragma once

#include <cstdint>
#include <string>

namespace postern::scan {

/// Changes whenever a signature file is added, removed or rewritten.
[[nodiscard]] std::string folder_print(const std::string& folder);

/// Whether the folder holds another set than the one in force. Asked once a second: files that still change are left
/// alone until they rest.
class SignatureWatch {
public:
    explicit SignatureWatch(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] std::string print() const { return folder_print(folder_); }
    /// Whether what is there now has rested, is another than `in_force`, and was not turned down.
    [[nodiscard]] bool has_news(const std::string& in_force);
    /// What is there now can't be used: no news until it changes.
    void turn_down() { turned_down_ = print(); }

private:
    std::string folder_;
    std::string seen_last_;
    std::string turned_down_;
};

/// Why there can't be another set beside that of `process`, whose workers may use that many bytes of their own; empty:
/// there can.
[[nodiscard]] std::string missing_memory(std::int64_t process, std::uint64_t worker);

}  // namespace postern::scan
