// A listening socket and its accept loop, which deals connections out to the reactors in turn.
//
// Bound before privileges are dropped, then started. The loop runs on reactor 0; a connection is handed over on
// the thread that will own it. A reload keeps the listeners whose address stays and replaces their handler;
// stopping one leaves its connections alone. Running out of descriptors makes it pause for 100 ms.
#pragma once

#include "base/fault.hpp"
#include "net/deadline.hpp"
#include "net/reactors.hpp"
#include "vocabulary/units.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace postern::net {

/// The other end of a TCP connection.
struct Peer {
    vocabulary::Ip ip;
    std::uint16_t port = 0;
};

/// Called on the thread of reactor `index`, to whose context the socket belongs.
using AcceptHandler = std::function<void(Socket socket, std::size_t index, Peer peer)>;

class Listener {
public:
    /// Binds and listens on "192.0.2.1:25", "[::]:25" (IPv6 and IPv4) or "0.0.0.0:25"; port 0 takes any free one.
    /// Connections wait in the kernel until start(). Fault (never): not an address, in use, not permitted.
    [[nodiscard]] static Result<std::unique_ptr<Listener>> bind(const vocabulary::HostPort& address);
    /// Takes over a socket that listens already (from a service manager or a privileged parent).
    [[nodiscard]] static Result<std::unique_ptr<Listener>> adopt(int descriptor);
    ~Listener();  ///< stops

    /// Begins to accept; the reactors must outlive the listener. Once only.
    void start(Reactors& reactors, AcceptHandler handler);
    /// From the next connection on, another handler. Safe from any thread.
    void replace(AcceptHandler handler);
    /// Accepts no more and closes the port; safe from any thread. Connections go on.
    void stop();

    /// The port it is bound to.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
    struct State;
    Listener(std::shared_ptr<State> state, std::uint16_t port);
    std::shared_ptr<State> state_;
    std::uint16_t port_ = 0;
};

}  // namespace postern::net
