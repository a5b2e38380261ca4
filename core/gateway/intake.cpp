#include "gateway/intake.hpp"

#include <fmt/format.h>

namespace postern::gateway {

Result<Intake::Prepared> Intake::prepare(const policy::Snapshot& policy)
{
    Prepared prepared;
    const auto& node = policy.node();
    for (const auto& listener : node.listeners) {
        auto settings = std::make_shared<session::ListenerSettings>();
        settings->server_name = node.name;
        settings->listener = listener;
        settings->message_size = policy.message_size();
        settings->recipients = policy.recipients_limit();
        if (listener.tls) {
            const bool ask = listener.tls->clients == vocabulary::ListenerTls::Clients::request;
            auto context =
                net::TlsContext::server({listener.tls->certificate, listener.tls->key}, ask, node.authorities);
            if (!context)
                return fault(Retry::never, "its TLS can't be set up")
                    .about("listener " + listener.name)
                    .because(context.error());
            settings->tls = *context;
        }
        const auto address = vocabulary::print_host_port(listener.address);
        if (!listeners_.contains(address)) {
            auto bound = net::Listener::bind(listener.address);
            if (!bound)
                return fault(Retry::never, "it can't listen").about("listener " + listener.name).because(bound.error());
            prepared.fresh.emplace(address, std::move(*bound));
        }
        prepared.settings.emplace(address, std::move(settings));
    }
    return prepared;
}

net::AcceptHandler Intake::handler(session::ListenerSettingsPtr settings)
{
    return [this, settings = std::move(settings)](net::Socket socket, std::size_t index, net::Peer peer) {
        sessions_.serve(std::move(socket), index, peer, settings);
    };
}

void Intake::apply(Prepared prepared)
{
    std::erase_if(listeners_, [&](auto& entry) {
        if (prepared.settings.contains(entry.first)) return false;
        entry.second->stop();
        return true;
    });
    for (auto& [address, settings] : prepared.settings) {
        if (const auto known = listeners_.find(address); known != listeners_.end()) {
            known->second->replace(handler(std::move(settings)));
            continue;
        }
        auto& listener = listeners_[address] = std::move(prepared.fresh.at(address));
        listener->start(reactors_, handler(std::move(settings)));
    }
}

void Intake::stop()
{
    for (auto& [address, listener] : listeners_) listener->stop();
}

}  // namespace postern::gateway
