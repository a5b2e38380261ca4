// All sessions of the engine: who may connect, how many, and how they end together.
//
// Thread-safe where said so. Listeners call serve() on the reactor that will own the connection; each session is a
// coroutine there and ends by itself, by its deadlines, or by stop().
#pragma once

#include "base/log.hpp"
#include "net/listener.hpp"
#include "net/tls_context.hpp"
#include "ports/metrics.hpp"
#include "ports/reception.hpp"
#include "session/intake_memory.hpp"
#include "vocabulary/node.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace postern::session {

class Session;

/// What a listener's sessions are told at their start; a reload makes new ones for the connections that follow.
struct ListenerSettings {
    std::string server_name;
    vocabulary::Listener listener;
    net::TlsContextPtr tls;          ///< null: none
    std::uint64_t message_size = 0;  ///< bytes, for EHLO
    unsigned recipients = 0;
};
using ListenerSettingsPtr = std::shared_ptr<const ListenerSettings>;

class Sessions {
public:
    Sessions(net::Reactors& reactors, ports::Receptionist& receptionist, ports::Metrics& metrics, Log& log);
    ~Sessions();

    /// Starts a session, or turns the client away with 421 where a limit of the listener is reached. On the thread of
    /// reactor `index`.
    void serve(net::Socket socket, std::size_t index, net::Peer peer, ListenerSettingsPtr settings);
    /// Idle sessions are told 421 and closed, busy ones after their present command. Any thread.
    void stop();
    [[nodiscard]] std::uint64_t open() const noexcept { return metrics_.connections_open.load(); }

private:
    friend class Session;
    [[nodiscard]] bool enter(const vocabulary::Ip& ip, const vocabulary::IntakeLimits& limits);
    void leave(const vocabulary::Ip& ip);

    net::Reactors& reactors_;
    ports::Receptionist& receptionist_;
    ports::Metrics& metrics_;
    Log& log_;
    IntakeMemory memory_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::map<vocabulary::Ip, unsigned> by_address_;         // under mutex_
    std::vector<std::unordered_set<Session*>> by_reactor_;  // each by its own thread
};

}  // namespace postern::session
