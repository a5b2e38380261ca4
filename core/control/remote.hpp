// The control protocol for administrators at their own machines: HTTP over mutual TLS, one request a connection.
//
// Bound before privileges are dropped, then started. Only who shows a certificate that node.yaml's `administrators`
// vouches for gets as far as HTTP: the handshake refuses everybody else, in TLS's own words. The first name of the
// certificate goes on record. Connections are few, and each of their steps has a deadline; what a peer does wrong ends
// its connection and nothing more. Requests are answered on reactor 0, where those of the local socket are.
#pragma once

#include "control/http.hpp"
#include "net/listener.hpp"
#include "net/stream.hpp"
#include "vocabulary/node.hpp"

#include <atomic>
#include <memory>

namespace postern::control {

struct RemoteLimits {
    unsigned connections = 32;                      ///< at one time
    unsigned connections_per_address = 8;           ///< at one time
    Duration handshake = std::chrono::seconds{10};  ///< from the first byte to the last of it
    Duration request = std::chrono::seconds{60};    ///< until the request is whole
    Duration response = std::chrono::seconds{60};   ///< to take the answer
    std::uint32_t header = 16 * 1024;               ///< bytes
};

class RemoteControl {
public:
    RemoteControl(net::Reactors& reactors, Log& log, Handler handler, RemoteLimits limits = {});
    ~RemoteControl();  ///< stops

    /// Binds the declared address. Fault (never): address or certificates can't be used.
    [[nodiscard]] Result<void> bind(const vocabulary::ControlRemote& declared);
    /// Begins to answer.
    void start();
    /// Address, certificates and administrators as they are declared now, for connections from here on. One thread at a
    /// time. Fault (never): an address or files that can't be used; what was stays.
    [[nodiscard]] Result<void> renew(const vocabulary::ControlRemote& declared);
    /// No more connections.
    void stop();
    [[nodiscard]] bool bound() const noexcept { return listener_ != nullptr; }

    struct State;

private:
    [[nodiscard]] Result<void> move_to(const vocabulary::HostPort& address);

    net::Reactors& reactors_;
    std::shared_ptr<State> state_;
    std::unique_ptr<net::Listener> listener_;
    vocabulary::HostPort address_;  ///< that it is bound to
};

}  // namespace postern::control
