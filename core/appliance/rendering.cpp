#include "appliance/rendering.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::appliance {

namespace {

using vocabulary::Interface;
using vocabulary::Machine;

bool is_hardware_address(const std::string& name)
{
    return std::ranges::count(name, ':') == 5;
}

std::string render_interface(const Interface& interface)
{
    std::string text = fmt::format("[Match]\n{}={}\n\n[Network]\nLinkLocalAddressing=ipv6\nLLMNR=no\nMulticastDNS=no\n",
                                   is_hardware_address(interface.name) ? "MACAddress" : "Name", interface.name);
    // Routers and resolvers are declared; nobody on the wire may name others.
    text += interface.dhcp ? "DHCP=yes\nIPv6AcceptRA=yes\n" : "DHCP=no\nIPv6AcceptRA=no\n";
    for (const auto& address : interface.addresses) {
        const int bits = address.ip.is_v4() ? address.bits - 96 : address.bits;
        text += fmt::format("Address={}/{}\n", vocabulary::print_ip(address.ip), bits);
    }
    for (const auto& router : interface.routers) text += fmt::format("Gateway={}\n", vocabulary::print_ip(router));
    if (interface.dhcp) text += "\n[DHCPv4]\nUseDNS=no\nUseNTP=no\nUseHostname=no\nSendHostname=no\n";
    return text;
}

/// "127.0.0.1@5353" is the resolver's own way to name a port, which the system's file does not know.
std::string render_resolvers(const vocabulary::Node& node)
{
    std::string text;
    for (const auto& server : node.resolvers)
        if (server.find('@') == server.npos) text += fmt::format("nameserver {}\n", server);
    return text + "options edns0 timeout:5\n";
}

std::string render_time(const Machine& machine)
{
    std::string text =
        "driftfile /var/lib/chrony/drift\nntsdumpdir /var/lib/chrony\nmakestep 1 3\nrtcsync\ncmdport 0\nport 0\n";
    bool authenticated = false;
    for (const auto& server : machine.time) {
        text += fmt::format("server {} iburst{}\n", server.server, server.authenticated ? " nts" : "");
        authenticated = authenticated || server.authenticated;
    }
    // Who can be proved decides, and the others may not outvote them.
    if (authenticated) text += "authselectmode prefer\n";
    return text;
}

/// The journal as it is written, to one server, by TLS that proves it. What it can't send waits on disk, bounded.
std::string render_journal(const vocabulary::RemoteJournal& journal)
{
    std::string tls;
    if (journal.tls)
        tls = fmt::format(
            "       StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\"\n"
            "       StreamDriverPermittedPeers=\"{}\"\n",
            journal.name.empty() ? journal.server.host : journal.name);
    return fmt::format(
        "global(workDirectory=\"/var/lib/postern-journal\" net.enableDNS=\"on\"\n"
        "       defaultNetstreamDriverCAFile=\"{}\")\n"
        "module(load=\"imjournal\" StateFile=\"position\" PersistStateInterval=\"50\" ratelimit.interval=\"0\")\n"
        "action(type=\"omfwd\" target=\"{}\" port=\"{}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\"\n{}"
        "       template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\" "
        "action.resumeInterval=\"10\"\n"
        "       queue.type=\"LinkedList\" queue.filename=\"unsent\" queue.maxDiskSpace=\"64m\" "
        "queue.saveOnShutdown=\"on\")\n",
        journal.authorities.empty() ? "/etc/ssl/certs/ca-certificates.crt" : journal.authorities, journal.server.host,
        journal.server.port, tls);
}

/// For the program that asks for the certificate: a word and its value on each line.
std::string render_acme(const vocabulary::Acme& acme, const std::string& node)
{
    std::string text = fmt::format("directory {}\n", acme.directory);
    if (!acme.authorities.empty()) text += fmt::format("authorities {}\n", acme.authorities);
    if (!acme.contact.empty()) text += fmt::format("contact {}\n", acme.contact);
    for (const auto& name : acme.names) text += fmt::format("name {}\n", name);
    if (acme.names.empty()) text += fmt::format("name {}\n", node);
    return text;
}

std::string render_signatures(const Machine& machine)
{
    std::string text =
        "DatabaseDirectory /var/lib/clamav\nDatabaseOwner clamav\nForeground true\nLogSyslog false\n"
        "Checks 24\nMaxAttempts 3\nTestDatabases true\nScriptedUpdates true\nBytecode false\n";
    bool mirror = false;
    for (const auto& source : machine.signatures) {
        const bool url = source.find("://") != source.npos;
        text += fmt::format("{} {}\n", url ? "DatabaseCustomURL" : "DatabaseMirror", source);
        mirror = mirror || !url;
    }
    // freshclam wants a mirror even where it may not ask one: whoever declares URLs alone gets these alone.
    if (!mirror)
        text +=
            "DatabaseMirror localhost\nDNSDatabaseInfo no\nExcludeDatabase main\nExcludeDatabase daily\n"
            "ExcludeDatabase bytecode\n";
    return text;
}

}  // namespace

Files render(const policy::Snapshot& policy)
{
    const auto& node = policy.node();
    Files files;
    files["hostname"] = node.name + "\n";
    files["hosts"] = fmt::format("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {}\n", node.name);
    files["resolv.conf"] = render_resolvers(node);
    files["nftables.conf"] = render_firewall(policy);
    const auto view = policy::appliance_view(policy);
    if (!view.machine) return files;
    const auto& machine = *view.machine;
    unsigned number = 0;
    for (const auto& interface : machine.interfaces)
        files[fmt::format("network/10-postern-{}.network", number++)] = render_interface(interface);
    if (!machine.time.empty()) files["chrony.conf"] = render_time(machine);
    if (!machine.signatures.empty()) files["freshclam.conf"] = render_signatures(machine);
    if (machine.journal) files["rsyslog.conf"] = render_journal(*machine.journal);
    if (machine.acme) files["acme.conf"] = render_acme(*machine.acme, node.name);
    if (machine.debug) files["debug"] = "a shell at the console\n";
    return files;
}

}  // namespace postern::appliance
