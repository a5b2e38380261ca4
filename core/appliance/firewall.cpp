#include "appliance/rendering.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>
#include <string_view>

namespace postern::appliance {

namespace {

using vocabulary::HostPort;
using vocabulary::Ip;
using vocabulary::Network;
using vocabulary::NextHop;

/// A clause that names an address or a network of either family.
std::string with(std::string_view direction, const std::string& what, bool is_v4)
{
    return fmt::format("{} {} {}", is_v4 ? "ip" : "ip6", direction, what);
}

std::string with_network(std::string_view direction, const Network& network)
{
    return with(direction, vocabulary::print_network(network), network.base.is_v4() && network.bits >= 96);
}

/// Where members' servers come from; nothing: one of them may come from anywhere.
std::optional<std::vector<Network>> declared_networks(const policy::Snapshot& policy)
{
    std::vector<Network> networks;
    for (const auto& organisation : policy.organisations()) {
        if (!organisation.connects_from) continue;
        if (organisation.connects_from->networks.empty()) return std::nullopt;
        for (const auto& network : organisation.connects_from->networks)
            if (std::ranges::find(networks, network) == networks.end()) networks.push_back(network);
    }
    return networks;
}

void open_port(std::string& in, std::uint16_t port, const std::optional<std::vector<Network>>& from)
{
    in += fmt::format(
        "        tcp dport {} ct state new add @rate4 {{ ip saddr limit rate over 120/minute burst 240 packets }} "
        "drop\n",
        port);
    in += fmt::format(
        "        tcp dport {} ct state new add @rate6 {{ ip6 saddr limit rate over 120/minute burst 240 packets }} "
        "drop\n",
        port);
    if (!from) {
        in += fmt::format("        tcp dport {} accept\n", port);
        return;
    }
    for (const auto& network : *from)
        in += fmt::format("        {} tcp dport {} accept\n", with_network("saddr", network), port);
}

void reach(std::string& out, std::set<std::string>& known, const HostPort& hop, std::string_view user)
{
    const auto ip = vocabulary::parse_ip(hop.host);
    // A name's addresses are the resolver's answer at that time: the port alone is known.
    const auto line = ip ? fmt::format("        {} meta skuid {} tcp dport {} accept\n",
                                       with("daddr", vocabulary::print_ip(*ip), ip->is_v4()), user, hop.port)
                         : fmt::format("        meta skuid {} tcp dport {} accept\n", user, hop.port);
    if (known.insert(line).second) out += line;
}

void reach_next_hops(std::string& out, const policy::Snapshot& policy)
{
    std::set<std::string> known;
    const auto add = [&](const NextHop& hop) {
        for (const auto& host : hop.hosts) reach(out, known, host, "postern");
        if (!hop.mx_domain.empty()) reach(out, known, {"", 25}, "postern");
    };
    for (const auto& organisation : policy.organisations())
        if (organisation.deliver_to) add(*organisation.deliver_to);
    for (const auto* hop : policy::appliance_view(policy).routed_hops) add(*hop);
}

void reach_resolvers(std::string& out, const vocabulary::Node& node)
{
    for (const auto& server : node.resolvers) {
        const auto at = server.find('@');
        const auto ip = vocabulary::parse_ip(server.substr(0, at));
        if (!ip || ip->is_loopback()) continue;
        const auto port = at == server.npos ? std::string("53") : server.substr(at + 1);
        const auto to = with("daddr", vocabulary::print_ip(*ip), ip->is_v4());
        out += fmt::format("        {} udp dport {} accept\n        {} tcp dport {} accept\n", to, port, to, port);
    }
}

/// "http://signatures.example:8080/x.hdb": 8080; a mirror's name: 443.
std::uint16_t port_of(const std::string& source)
{
    const auto scheme = source.find("://");
    if (scheme == source.npos) return 443;
    const auto authority = source.substr(scheme + 3, source.find('/', scheme + 3) - scheme - 3);
    if (const auto named = vocabulary::parse_host_port(authority)) return named->port;
    return source.starts_with("https") ? 443 : 80;
}

std::string host_of(const std::string& source)
{
    const auto scheme = source.find("://");
    if (scheme == source.npos) return source;
    const auto authority = source.substr(scheme + 3, source.find('/', scheme + 3) - scheme - 3);
    if (const auto named = vocabulary::parse_host_port(authority)) return named->host;
    return authority;
}

std::string incoming(const policy::Snapshot& policy)
{
    const auto& node = policy.node();
    const auto from = declared_networks(policy);
    std::string in;
    for (const auto& listener : node.listeners) {
        const auto ip = vocabulary::parse_ip(listener.address.host);
        if (!ip || !ip->is_loopback()) open_port(in, listener.address.port, from);
    }
    if (node.control_remote) open_port(in, node.control_remote->address.port, std::nullopt);
    const auto* machine = policy::appliance_view(policy).machine;
    // Whoever proves this machine's name says nowhere from which addresses.
    if (machine != nullptr && machine->acme) open_port(in, 443, std::nullopt);
    return in;
}

/// Where alerts go that are no mail: those go to next hops.
void reach_alert_ways(std::string& out, const vocabulary::AlertPolicy& alerts)
{
    std::set<std::string> known;
    if (alerts.webhook) reach(out, known, {alerts.webhook->host, alerts.webhook->port}, "postern");
    // The other ways of syslog stay on this machine.
    if (alerts.syslog.way == vocabulary::Syslog::Way::tls) reach(out, known, alerts.syslog.server, "postern");
}

void reach_backup_server(std::string& out, const std::string& url)
{
    std::set<std::string> known;
    reach(out, known, {host_of(url), port_of(url)}, "postern");
}

std::string outgoing(const policy::Snapshot& policy)
{
    const auto& node = policy.node();
    std::string out;
    reach_resolvers(out, node);
    reach_next_hops(out, policy);
    reach_alert_ways(out, policy.alerts());
    if (node.backup && !node.backup->to.empty()) reach_backup_server(out, node.backup->to);
    const auto* machine = policy::appliance_view(policy).machine;
    if (machine == nullptr) return out;
    std::set<std::string> known;
    for (const auto& source : machine->signatures) reach(out, known, {host_of(source), port_of(source)}, "clamav");
    if (machine->journal) reach(out, known, machine->journal->server, "postern-journal");
    if (machine->acme)
        reach(out, known, {host_of(machine->acme->directory), port_of(machine->acme->directory)}, "postern-acme");
    if (const auto& updates = machine->updates; !updates.empty())
        reach(out, known, {host_of(updates), port_of(updates)}, "postern");
    const auto& time = machine->time;
    if (!time.empty()) out += "        meta skuid _chrony udp dport 123 accept\n";
    if (std::ranges::any_of(time, &vocabulary::TimeServer::authenticated))
        out += "        meta skuid _chrony tcp dport 4460 accept\n";
    const auto& interfaces = machine->interfaces;
    if (std::ranges::any_of(interfaces, &vocabulary::Interface::dhcp))
        out += "        udp sport 68 udp dport 67 accept\n        udp sport 546 udp dport 547 accept\n";
    return out;
}

constexpr std::string_view frame =
    R"(# Made from node.yaml and the organisations by postern-machine. Default: nothing in, nothing out.
table inet postern
delete table inet postern
table inet postern {{
    set rate4 {{ type ipv4_addr; flags dynamic, timeout; timeout 2m; size 65536; }}
    set rate6 {{ type ipv6_addr; flags dynamic, timeout; timeout 2m; size 65536; }}
    chain in {{
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        ct state invalid drop
        icmp type {{ echo-request, destination-unreachable, time-exceeded, parameter-problem }} limit rate 20/second accept
        icmpv6 type {{ echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query }} limit rate 100/second accept
{}{}        limit rate 6/minute log prefix "postern refused: "
    }}
    chain forward {{ type filter hook forward priority filter; policy drop; }}
    chain out {{
        type filter hook output priority filter; policy drop;
        oif lo accept
        ct state established,related accept
        icmp type {{ echo-reply, destination-unreachable, time-exceeded, parameter-problem }} accept
        icmpv6 type {{ echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report, mld2-listener-report }} accept
{}        limit rate 6/minute log prefix "postern kept in: "
    }}
}}
)";

}  // namespace

std::string render_firewall(const policy::Snapshot& policy)
{
    const auto* machine = policy::appliance_view(policy).machine;
    const bool dhcp = machine != nullptr && std::ranges::any_of(machine->interfaces, &vocabulary::Interface::dhcp);
    return fmt::format(
        frame, incoming(policy),
        dhcp ? "        udp sport 67 udp dport 68 accept\n        udp sport 547 udp dport 546 accept\n" : "",
        outgoing(policy));
}

}  // namespace postern::appliance
