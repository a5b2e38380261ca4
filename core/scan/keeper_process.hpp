// The keeper as posternd's child: starts it, speaks with it, ends it.
//
// Lives on the scanner's I/O context. See keeper for the other side.
#pragma once

#include "scan/crew.hpp"
#include "scan/protocol.hpp"
#include "vocabulary/node.hpp"

#include <sys/types.h>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

namespace postern::scan {

struct ScannerPlace {
    std::string program;  ///< path of postern-scan
    std::string folder;   ///< for its temporary files; made by it
    std::string user;     ///< that it becomes when started as root; empty: none
};

/// The scanner's program beside this one.
[[nodiscard]] std::string scanner_program();

class KeeperProcess {
public:
    KeeperProcess(boost::asio::io_context& context, ScannerPlace place) : io_(context), place_(std::move(place)) {}
    ~KeeperProcess() { end(); }
    KeeperProcess(const KeeperProcess&) = delete;
    KeeperProcess& operator=(const KeeperProcess&) = delete;

    /// Throws std::runtime_error where there is no such program, or it can't be started.
    void spawn(const vocabulary::Scanner& settings);
    /// The socket to the one that was spawned last; null before that.
    [[nodiscard]] const std::shared_ptr<Line>& line() const noexcept { return line_; }
    void tell(const Notice& notice) const;
    /// Spawned, and not ended by end().
    [[nodiscard]] bool runs() const noexcept { return process_ > 0; }
    /// Killed and buried. Its socket closes with the process that holds it; waiting for that would hold up an end in
    /// order.
    void end() noexcept;
    /// Killed; whoever reads its line sees the end.
    void kill() const noexcept;

private:
    boost::asio::io_context& io_;
    ScannerPlace place_;
    pid_t process_ = 0;
    std::shared_ptr<Line> line_;
};

}  // namespace postern::scan
