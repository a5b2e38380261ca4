// What the appliance's programs are told, from a policy.
#include "appliance/rendering.hpp"
#include "policy/loader.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace postern;
namespace fs = std::filesystem;

namespace {

/// A policy of two members in a folder of its own, with this node.yaml behind what every one has.
struct Folder {
    fs::path root = fs::temp_directory_path() / "postern-appliance-test";
    Folder()
    {
        fs::remove_all(root);
        fs::create_directories(root / "organisations");
        for (const auto* name : {"mx.pem", "mx.key", "staff.pem"}) std::ofstream(root / name) << "-\n";
        write("routing.yaml",
              "community: { suffix: secure.example, operator: postmaster@secure.example }\n"
              "routes:\n  - { name: night, when: { recipient.organisation: court }, "
              "then: { next_hop: [\"192.0.2.77:2525\"] } }\n");
        member("chambers", "connects_from: { networks: [198.51.100.0/29] }", "mail.chambers.example:25");
        member("court", "connects_from: { networks: [\"2001:db8:1::/48\"] }", "203.0.113.9:26");
        node("");
    }
    ~Folder() { fs::remove_all(root); }
    void write(const std::string& name, const std::string& text) const
    {
        std::ofstream(root / name, std::ios::binary | std::ios::trunc) << text;
    }
    void member(const std::string& id, const std::string& proof, const std::string& hop) const
    {
        write("organisations/" + id + ".yaml", "organisation: " + id + "\nname: The " + id +
                                                   "\nkind: server\nusers: any\ndomains: [" + id + ".example]\n" +
                                                   proof + "\ndeliver_to: { hosts: [\"" + hop + "\"] }\n");
    }
    void node(const std::string& more) const
    {
        write("node.yaml",
              "name: mx.example.org\nlisteners:\n"
              "  - { name: members, address: \"0.0.0.0:25\", tls: { certificate: mx.pem, key: mx.key } }\n"
              "  - { name: local, address: \"127.0.0.1:2525\", clear_text: true }\n"
              "storage: { directory: /var/lib/postern }\nresolver: { servers: [192.0.2.53] }\n"
              "control: { socket: /run/postern/control }\n" +
                  more);
    }
    [[nodiscard]] appliance::Files files() const
    {
        policy::Loader loader(root);
        const auto loaded = loader.load(1);
        INFO(policy::render(loaded.diagnostics, root.string()));
        REQUIRE(loaded.snapshot);
        return appliance::render(*loaded.snapshot);
    }
    [[nodiscard]] std::string faults() const
    {
        policy::Loader loader(root);
        return policy::render(loader.load(1).diagnostics, root.string());
    }
};

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("only declared members reach the listeners, and nobody the loopback's")
{
    const auto rules = Folder().files().at("nftables.conf");
    CHECK(has(rules, "hook input priority filter; policy drop;"));
    CHECK(has(rules, "ip saddr 198.51.100.0/29 tcp dport 25 accept"));
    CHECK(has(rules, "ip6 saddr 2001:db8:1::/48 tcp dport 25 accept"));
    CHECK_FALSE(has(rules, "        tcp dport 25 accept"));
    CHECK_FALSE(has(rules, "dport 2525 accept\n        tcp"));
}

TEST_CASE("a member that comes from anywhere opens the port to all, at a rate")
{
    const Folder folder;
    folder.member("chambers", "connects_from: { certificate: { name: mail.chambers.example } }",
                  "mail.chambers.example:25");
    folder.member("court", "connects_from: { certificate: { name: mail.court.example } }", "203.0.113.9:26");
    folder.node("certificates: { members: staff.pem }\n");
    const auto rules = folder.files().at("nftables.conf");
    CHECK(has(rules, "        tcp dport 25 accept"));
    CHECK(has(rules, "limit rate over 120/minute"));
}

TEST_CASE("the gateway gets out to its next hops and resolvers alone")
{
    const auto rules = Folder().files().at("nftables.conf");
    CHECK(has(rules, "hook output priority filter; policy drop;"));
    CHECK(has(rules, "ip daddr 203.0.113.9 meta skuid postern tcp dport 26 accept"));
    CHECK(has(rules, "ip daddr 192.0.2.77 meta skuid postern tcp dport 2525 accept"));
    CHECK(has(rules, "        meta skuid postern tcp dport 25 accept"));
    CHECK(has(rules, "ip daddr 192.0.2.53 udp dport 53 accept"));
    CHECK_FALSE(has(rules, "clamav"));
    CHECK_FALSE(has(rules, "_chrony"));
}

TEST_CASE("interfaces, clock and signatures are made from machine:")
{
    const Folder folder;
    folder.node(
        "machine:\n  interfaces:\n    - { name: \"en*\", addresses: [192.0.2.10/24, \"2001:db8::10/64\"], routers: "
        "[192.0.2.1] }\n  time: [{ server: time.example, authenticated: true }]\n  signatures: "
        "[\"https://signatures.example:8443/main.cvd\"]\n");
    const auto files = folder.files();
    const auto& network = files.at("network/10-postern-0.network");
    CHECK(has(network, "Name=en*"));
    CHECK(has(network, "Address=192.0.2.10/24\nAddress=2001:db8::10/64\nGateway=192.0.2.1\n"));
    CHECK(has(files.at("chrony.conf"), "server time.example iburst nts"));
    CHECK(has(files.at("freshclam.conf"), "DatabaseCustomURL https://signatures.example:8443/main.cvd"));
    CHECK(has(files.at("nftables.conf"), "meta skuid clamav tcp dport 8443 accept"));
    CHECK(has(files.at("nftables.conf"), "meta skuid _chrony tcp dport 4460 accept"));
    CHECK(has(files.at("resolv.conf"), "nameserver 192.0.2.53"));
    CHECK(files.at("hostname") == "mx.example.org\n");
}

TEST_CASE("an address, a name or a source that could carry an order of its own is an error")
{
    const Folder folder;
    folder.node("machine: { interfaces: [{ name: \"e*\", addresses: [192.0.2.10] }] }\n");
    CHECK(has(folder.faults(), "is no address of an interface"));
    folder.node("machine: { interfaces: [{ name: \"e*\\nDHCP=yes\", addresses: dhcp }] }\n");
    CHECK(has(folder.faults(), "is no interface"));
    folder.node("machine: { signatures: [\"https://x.example/a\\nDatabaseOwner root\"] }\n");
    CHECK(has(folder.faults(), "neither a URL nor a mirror's name"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp, routers: [192.0.2.1] }] }\n");
    CHECK(has(folder.faults(), "routers come by DHCP"));
}

TEST_CASE("the journal goes to one server that proves its name, and the firewall lets nobody else there")
{
    const Folder folder;
    folder.node(
        "machine: { interfaces: [{ name: e0, addresses: dhcp }], journal: { server: \"logs.example:6514\" } }\n");
    const auto files = folder.files();
    const auto& text = files.at("rsyslog.conf");
    CHECK(has(text, "target=\"logs.example\" port=\"6514\""));
    CHECK(has(text, "StreamDriverAuthMode=\"x509/name\""));
    CHECK(has(text, "StreamDriverPermittedPeers=\"logs.example\""));
    CHECK(has(files.at("nftables.conf"), "meta skuid postern-journal tcp dport 6514 accept"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], journal: { server: \"127.0.0.1:6514\" } }\n");
    CHECK_FALSE(has(folder.files().at("rsyslog.conf"), "StreamDriver"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], journal: { server: \"192.0.2.9:6514\" } }\n");
    CHECK(has(folder.faults(), "no name is known that its certificate should carry"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }] }\n");
    CHECK_FALSE(folder.files().contains("rsyslog.conf"));
}

TEST_CASE("where alerts are posted and logged is reached, and no more")
{
    const Folder folder;
    folder.write("alerts.yaml",
                 "webhook: { url: \"https://alerts.example:8443/postern\" }\n"
                 "syslog: { by: tls, server: \"192.0.2.8:6514\", verify_name: logs.example }\n");
    const auto rules = folder.files().at("nftables.conf");
    CHECK(has(rules, "        meta skuid postern tcp dport 8443 accept"));
    CHECK(has(rules, "ip daddr 192.0.2.8 meta skuid postern tcp dport 6514 accept"));
    folder.write("alerts.yaml", "syslog: { by: local }\n");
    CHECK_FALSE(has(folder.files().at("nftables.conf"), "dport 6514"));
}

TEST_CASE("a shell at the console is there only where it is declared")
{
    const Folder folder;
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], debug: true }\n");
    CHECK(folder.files().contains("debug"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], debug: false }\n");
    CHECK_FALSE(folder.files().contains("debug"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }] }\n");
    CHECK_FALSE(folder.files().contains("debug"));
}

TEST_CASE("updates are asked for by TLS alone, and their source is reached")
{
    const Folder folder;
    folder.node(
        "machine: { interfaces: [{ name: e0, addresses: dhcp }], updates: \"https://updates.example:8443/postern/\" "
        "}\n");
    CHECK(has(folder.files().at("nftables.conf"), "meta skuid postern tcp dport 8443 accept"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], updates: \"http://updates.example/\" }\n");
    CHECK(has(folder.faults(), "no address of a server with TLS"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], administrators: [\"ssh-rsa AAAA x\"] }\n");
    CHECK(has(folder.faults(), "no SSH key of kind ssh-ed25519"));
    folder.node("machine: { interfaces: [{ name: e0, addresses: dhcp }], confirm: 1 second }\n");
    CHECK(has(folder.faults(), "from 10 seconds to 24 hours"));
}

TEST_CASE("what backups are declared is checked: keys, times, and a folder elsewhere")
{
    const Folder folder;
    const std::string key = "postern-backup-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    folder.node("backup: { keys: [\"" + key + "\"], folder: /mnt/backup, at: [\"02:30\", \"14:00\"] }\n");
    CHECK_FALSE(folder.files().empty());
    folder.node("backup: { keys: [\"postern-backup-1:AAAA\"] }\n");
    CHECK(has(folder.faults(), "is no public backup key"));
    folder.node("backup: { keys: [\"" + key + "\"], folder: /var/lib/postern/backups }\n");
    CHECK(has(folder.faults(), "would lie with what they are to replace"));
    folder.node("backup: { keys: [\"" + key + "\"], folder: /mnt/backup, at: [\"25:00\"] }\n");
    CHECK(has(folder.faults(), "is no time of day"));
    folder.node("backup: { keys: [\"" + key + "\"], at: [\"02:30\"] }\n");
    CHECK(has(folder.faults(), "without \"folder\" or \"to\""));
    folder.node("backup: { keys: [\"" + key + "\"], keep: 3 }\n");
    CHECK(has(folder.faults(), "counts what lies in a \"folder\""));
}

TEST_CASE("backups go to a folder or to a server by TLS, which is then reached")
{
    const Folder folder;
    const std::string keys = "keys: [\"postern-backup-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"]";
    folder.node("backup: { " + keys + ", to: \"https://backup.example:8443/postern/\" }\n");
    CHECK(has(folder.files().at("nftables.conf"), "meta skuid postern tcp dport 8443 accept"));
    folder.node("backup: { " + keys + ", to: \"http://backup.example/postern\" }\n");
    CHECK(has(folder.faults(), "no address of a server with TLS"));
    folder.node("backup: { " + keys + ", to: \"https://backup.example/?x=y\" }\n");
    CHECK(has(folder.faults(), "a folder has no question behind it"));
    folder.node("backup: { " + keys + ", to: \"https://backup.example/x\", folder: /mnt/backup }\n");
    CHECK(has(folder.faults(), "to a folder or to a server, not to both"));
    folder.node("backup: { " + keys + ", to: \"https://backup.example/x\", keep: 3 }\n");
    CHECK(has(folder.faults(), "counts what lies in a \"folder\""));
    folder.node("backup: { " + keys + ", credentials: offsite }\n");
    CHECK(has(folder.faults(), "\"credentials\" without \"to\""));
    folder.node("backup: { " + keys + ", to: \"https://backup.example/x\", credentials: offsite }\n");
    CHECK(has(folder.faults(), "backup names credentials, and node.yaml declares no secrets"));
}

namespace {
const std::string card = "machine:\n  interfaces: [{ name: \"en*\", addresses: [192.0.2.10/24] }]\n";
}

TEST_CASE("a certificate is asked for at the declared ACME server, which alone is reached, and port 443 answers it")
{
    const Folder folder;
    folder.node(card + "  acme: { directory: \"https://acme.example:14000/directory\", authorities: staff.pem }\n");
    const auto files = folder.files();
    CHECK(files.at("acme.conf") == "directory https://acme.example:14000/directory\nauthorities " +
                                       (folder.root / "staff.pem").string() + "\nname mx.example.org\n");
    CHECK(has(files.at("nftables.conf"), "        tcp dport 443 accept"));
    CHECK(has(files.at("nftables.conf"), "meta skuid postern-acme tcp dport 14000 accept"));
    folder.node(card +
                "  acme: { directory: \"https://acme.example\", contact: it@example.org, names: [mail.example.org, "
                "MX.example.org] }\n");
    CHECK(folder.files().at("acme.conf") ==
          "directory https://acme.example\ncontact it@example.org\nname mail.example.org\nname mx.example.org\n");
    folder.node("");
    CHECK_FALSE(has(folder.files().at("nftables.conf"), "443"));
}

TEST_CASE("an ACME server without TLS, and an address that could be an order, are refused")
{
    const Folder folder;
    folder.node(card + "  acme: { directory: \"http://acme.example/\" }\n");
    CHECK(has(folder.faults(), "\"http://acme.example/\" is no address of a server with TLS"));
    folder.node(card + "  acme: { directory: \"https://acme.example\", contact: \"\\\"-x y\\\"@example.org\" }\n");
    CHECK(has(folder.faults(), "the address has signs"));
    folder.node(card + "  acme: { directory: \"https://acme.example\", names: [\"a;b\"] }\n");
    CHECK(has(folder.faults(), "a;b"));
}
