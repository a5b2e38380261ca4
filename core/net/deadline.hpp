// Deadlines of network awaits: the one helper, made for thousands of operations a second.
//
// A Watch belongs to one socket and lives on its thread. Arming it stores a time point and nothing more, unless
// the timer behind it is idle or would fire too late: so a session that reads a thousand times with a five-minute
// deadline costs one timer, which on firing early goes to sleep again until the deadline then in force. When a
// deadline passes the socket's pending operations are cancelled and the awaiting coroutine learns why.
#pragma once

#include "base/clock.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <memory>

namespace postern::net {

/// A socket over TCP or a local (unix) socket.
using Socket = boost::asio::generic::stream_protocol::socket;

/// A moment on the monotonic clock until which an operation must be done.
using Deadline = std::chrono::steady_clock::time_point;

/// The deadline that lies `duration` from now.
[[nodiscard]] inline Deadline after(Duration duration)
{
    return std::chrono::steady_clock::now() + duration;
}

/// Cancels a socket's pending operations when a deadline passes. Not thread-safe; use on the socket's thread.
class Watch {
public:
    /// `socket` must outlive the watch and keep its place.
    explicit Watch(Socket& socket);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// From now until disarm(): cancel the socket at `deadline`. One that has passed already fires at once, but
    /// never inside this call.
    void arm(Deadline deadline);
    /// Ends the watch and says whether the deadline passed since arm().
    [[nodiscard]] bool disarm() noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
