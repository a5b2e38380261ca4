// Whether this gateway can do what it is for: a policy in force, signatures loaded, mail to itself delivered.
//
// The message to itself is made here, stored like any other, carried by queue and delivery to the gateway's own first
// listener, through its TLS, and ends where it comes in (ports/probe). So store, queue, delivery, listener and its
// certificate have worked once; members' proofs, rules and the scanner's verdicts have not been asked. It leaves no
// trace in the ledger. An open socket is not health.
#pragma once

#include "gateway/services.hpp"

#include <boost/asio/awaitable.hpp>
#include <vector>

namespace postern::gateway {

struct HealthCheck {
    std::string name;  ///< "policy", "signatures", "storage", "mail"
    bool good = false;
    std::string text;  ///< what was found, or what is wrong and what to do
};
struct Health {
    std::vector<HealthCheck> checks;
    [[nodiscard]] bool good() const;
};

/// Takes at most `patience`, which mail may use up; runs on the caller's thread.
[[nodiscard]] boost::asio::awaitable<Health> check_health(Services services, Duration patience);

/// The gateway as a next hop of its own: its first listener on this machine, which must show the certificate that it
/// was given. Fault (later): it has none that can be connected to.
[[nodiscard]] Result<vocabulary::NextHop> own_listener(const vocabulary::Node& node);

}  // namespace postern::gateway
