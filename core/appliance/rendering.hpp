// What node.yaml says of the machine, in the words of the programs that do it: systemd-networkd, the resolver's file,
// chrony, freshclam, rsyslog, nftables.
//
// Pure: from a snapshot to texts, for `postern-machine` to write. Every value in them was checked by the policy's
// readers, so that none can carry a line break or an order of its own.
#pragma once

#include "policy/appliance_view.hpp"

#include <map>
#include <string>

namespace postern::appliance {

/// Path below the output folder ("network/10-postern-0.network", "resolv.conf") and text.
using Files = std::map<std::string, std::string>;

/// All files; of a node without `machine:` those that close the firewall and name the host.
[[nodiscard]] Files render(const policy::Snapshot& policy);

/// The firewall: nothing in and nothing out but what policy declares: listeners for declared networks, control and
/// metrics; resolvers, time servers, next hops and the source of signatures. Text for `nft -f`, atomic.
[[nodiscard]] std::string render_firewall(const policy::Snapshot& policy);

}  // namespace postern::appliance
