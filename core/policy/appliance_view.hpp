// What only the appliance asks of a policy, and the engine never.
//
// Apart from policy/snapshot, which every room reads. Pointers live as long as the snapshot.
#pragma once

#include "policy/snapshot.hpp"
#include "vocabulary/machine.hpp"

#include <vector>

namespace postern::policy {

struct ApplianceView {
    const vocabulary::Machine* machine = nullptr;           ///< null: node.yaml has no `machine:`
    std::vector<const vocabulary::NextHop*> routed_hops{};  ///< of routing.yaml, in the order of its routes
};

[[nodiscard]] ApplianceView appliance_view(const Snapshot& policy);

/// Whether a change from one to the other could cut off an administrator who is elsewhere: addresses, routers,
/// resolvers, the control protocol's address and who may use it. Never where neither declares a machine.
[[nodiscard]] bool changes_network(const Snapshot& before, const Snapshot& after);

}  // namespace postern::policy
