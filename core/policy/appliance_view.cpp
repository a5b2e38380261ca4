#include "policy/appliance_view.hpp"

#include "policy/compiled_snapshot.hpp"

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

}  // namespace postern::policy
