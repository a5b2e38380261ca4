#include "policy/appliance_view.hpp"

#include "policy/compiled_snapshot.hpp"

#include <fmt/format.h>

namespace postern::policy {

ApplianceView appliance_view(const Snapshot& policy)
{
    const auto& compiled = dynamic_cast<const CompiledSnapshot&>(policy).compiled();
    ApplianceView view;
    if (compiled.node->machine) view.machine = &*compiled.node->machine;
    if (compiled.routing)
        for (const auto& route : compiled.routing->routes) view.routed_hops.push_back(&route.next_hop);
    return view;
}

namespace {

/// Everything that a connection from elsewhere hangs on, as text.
std::string network_of(const Snapshot& policy)
{
    const auto& node = policy.node();
    std::string text;
    for (const auto& server : node.resolvers) text += "resolver " + server + "\n";
    if (node.control_remote)
        text += fmt::format("control {} {} {} {}\n", vocabulary::print_host_port(node.control_remote->address),
                            node.control_remote->administrators, node.control_remote->certificate,
                            node.control_remote->key);
    const auto view = appliance_view(policy);
    if (view.machine == nullptr) return text;
    for (const auto& interface : view.machine->interfaces) {
        text += fmt::format("interface {} {}\n", interface.name, interface.dhcp);
        for (const auto& address : interface.addresses)
            text += fmt::format("address {}/{}\n", vocabulary::print_ip(address.ip), address.bits);
        for (const auto& router : interface.routers) text += fmt::format("router {}\n", vocabulary::print_ip(router));
    }
    return text;
}

}  // namespace

bool changes_network(const Snapshot& before, const Snapshot& after)
{
    const bool appliance = appliance_view(before).machine != nullptr || appliance_view(after).machine != nullptr;
    return appliance && network_of(before) != network_of(after);
}

}  // namespace postern::policy
