// The listeners of the generation in force: bound, given their TLS contexts, replaced at a reload.
//
// Used by one thread at a time (start, then the reloading thread). prepare() does everything that can fail, apply()
// what can't: so a reload is whole or not at all. Connections that are open stay with what they began with.
#pragma once

#include "gateway/services.hpp"
#include "net/listener.hpp"
#include "session/sessions.hpp"

#include <map>
#include <memory>
#include <string>

namespace postern::gateway {

class Intake {
public:
    Intake(net::Reactors& reactors, session::Sessions& sessions) : reactors_(reactors), sessions_(sessions) {}

    /// What apply() will put in force: sockets bound for new addresses, certificates read.
    struct Prepared {
        std::map<std::string, std::unique_ptr<net::Listener>> fresh;   ///< by address
        std::map<std::string, session::ListenerSettingsPtr> settings;  ///< by address
    };
    /// Faults name listener and file or address; nothing is changed then.
    [[nodiscard]] Result<Prepared> prepare(const policy::Snapshot& policy);
    void apply(Prepared prepared);
    /// No more connections; those that are open go on.
    void stop();

private:
    [[nodiscard]] net::AcceptHandler handler(session::ListenerSettingsPtr settings);

    net::Reactors& reactors_;
    session::Sessions& sessions_;
    std::map<std::string, std::unique_ptr<net::Listener>> listeners_;  // by address
};

}  // namespace postern::gateway
