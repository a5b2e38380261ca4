#include "base/base64.hpp"
#include "base/text.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

namespace postern::policy {

namespace {

using vocabulary::Interface;
using vocabulary::Machine;

bool is_word_of(const std::string& text, std::string_view beside)
{
    return !text.empty() && text.size() <= 200 && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || beside.contains(c);
    });
}

std::optional<vocabulary::InterfaceAddress> parse_interface_address(const std::string& text)
{
    const auto slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    const auto ip = vocabulary::parse_ip(text.substr(0, slash));
    unsigned bits = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + slash + 1, end, bits);
    if (!ip || read.ec != std::errc{} || read.ptr != end || bits == 0 || bits > (ip->is_v4() ? 32U : 128U))
        return std::nullopt;
    return vocabulary::InterfaceAddress{*ip, static_cast<std::uint8_t>(ip->is_v4() ? bits + 96 : bits)};
}

void read_addresses(Source& source, const Values& map, Interface& interface)
{
    if (map.text("addresses") == "dhcp") {
        interface.dhcp = true;
        if (map.has("routers")) source.error(map.place("routers"), "routers come by DHCP as well", "take routers out");
        return;
    }
    for (const auto& text : map.texts("addresses")) {
        const auto address = parse_interface_address(text);
        if (address)
            interface.addresses.push_back(*address);
        else
            source.error(map.place("addresses"), fmt::format("\"{}\" is no address of an interface", text),
                         "[192.0.2.10/24] or [\"2001:db8::10/64\"]");
    }
    for (const auto& text : map.texts("routers")) {
        const auto router = vocabulary::parse_ip(text);
        const auto same_family = [&](const vocabulary::Ip& other) { return other.is_v4() == router->is_v4(); };
        if (!router)
            source.error(map.place("routers"), fmt::format("\"{}\" is no address", text), "[192.0.2.1]");
        else if (std::ranges::any_of(interface.routers, same_family))
            source.error(map.place("routers"), "an interface has one default route for each family");
        else
            interface.routers.push_back(*router);
    }
}

void read_interfaces(Source& source, const Values& map, Machine& machine)
{
    std::set<std::string> names;
    for (const auto& node : map.items("interfaces")) {
        const Values values(node);
        Interface interface;
        interface.name = values.text("name");
        // They are written into files of the system, where a line break would be an order.
        if (!is_word_of(interface.name, "-_.:*?"))
            source.error(values.place("name"), fmt::format("\"{}\" is no interface", interface.name),
                         "\"en*\" or \"52:54:00:12:34:56\"");
        if (!names.insert(interface.name).second)
            source.error(values.place("name"), fmt::format("two interfaces are called \"{}\"", interface.name));
        read_addresses(source, values, interface);
        machine.interfaces.push_back(std::move(interface));
    }
}

void read_signatures(Source& source, const Values& map, Machine& machine)
{
    machine.signatures = map.texts("signatures");
    for (const auto& text : machine.signatures)
        if (!is_word_of(text, "-_.:/%?=&~+[]"))
            source.error(map.place("signatures"), fmt::format("\"{}\" is neither a URL nor a mirror's name", text),
                         "[\"https://signatures.example/main.cvd\"]");
}

/// "ssh-ed25519 BASE64 name": the blob begins with the same word, and holds 32 bytes more.
bool is_ssh_key(const std::string& text)
{
    constexpr std::string_view word = "ssh-ed25519 ";
    if (!text.starts_with(word) || text.find_first_of("\r\n") != text.npos) return false;
    const auto encoded = text.substr(word.size(), text.find(' ', word.size()) - word.size());
    const auto blob = from_base64(encoded);
    constexpr std::string_view front("\0\0\0\x0bssh-ed25519\0\0\0\x20", 19);
    return blob && blob->size() == front.size() + 32 && blob->starts_with(front);
}

void read_administrators(Source& source, const Values& map, Machine& machine)
{
    machine.administrators = map.texts("administrators");
    for (const auto& text : machine.administrators)
        if (!is_ssh_key(text))
            source.error(map.place("administrators"),
                         fmt::format("\"{}\" is no SSH key of kind ssh-ed25519", printable(text, 60)),
                         "the line of ~/.ssh/id_ed25519.pub, as `ssh-keygen -t ed25519` makes it");
}

void read_journal(Source& source, const Values& top, const std::filesystem::path& directory, Machine& machine,
                  std::vector<NamedFile>& named_files)
{
    if (!top.has("journal")) return;
    const auto map = top.map("journal");
    vocabulary::RemoteJournal journal;
    journal.server = map.host_port("server").value_or(vocabulary::HostPort{});
    const auto ip = vocabulary::parse_ip(journal.server.host);
    journal.tls = !ip || !ip->is_loopback();
    journal.authorities = read_path(map, "authorities", directory, &named_files);
    if (const auto name = map.domain("verify_name")) journal.name = name->key();
    if (journal.tls && ip && journal.name.empty())
        source.error(map.place("server"), "no name is known that its certificate should carry",
                     "verify_name: logs.example, or the server's name instead of its address");
    if (!journal.authorities.empty() && !is_word_of(journal.authorities, "-_./ "))
        source.error(map.place("authorities"), "the path has signs that the logging program could take for its own");
    machine.journal = std::move(journal);
}

void read_acme(Source& source, const Values& top, const std::filesystem::path& directory, Machine& machine,
               std::vector<NamedFile>& named_files)
{
    if (!top.has("acme")) return;
    const auto map = top.map("acme");
    vocabulary::Acme acme;
    acme.directory = read_https(source, map, "directory");
    acme.authorities = read_path(map, "authorities", directory, &named_files);
    if (const auto contact = map.address("contact")) acme.contact = contact->text();
    if (!acme.contact.empty() && !is_word_of(acme.contact, "-_.+@"))
        source.error(map.place("contact"), "the address has signs that not every ACME server takes",
                     "contact: postmaster@example.org");
    for (const auto& text : map.texts("names"))
        if (const auto name = mail::Domain::parse(text)) acme.names.push_back(name->key());
    machine.acme = std::move(acme);
}

}  // namespace

std::string read_https(Source& source, const Values& map, const char* key)
{
    auto text = map.text(key);
    if (!text.empty() && (!text.starts_with("https://") || text.size() < 10 || !is_word_of(text, "-_.:/%?=&~+[]")))
        source.error(map.place(key), fmt::format("\"{}\" is no address of a server with TLS", printable(text, 80)),
                     fmt::format("{}: https://{}.example/", key, key));
    while (text.ends_with('/')) text.pop_back();
    return text;
}

Machine read_machine(Source& source, const Values& map, const std::filesystem::path& directory,
                     std::vector<NamedFile>& named_files)
{
    Machine machine;
    read_interfaces(source, map, machine);
    for (const auto& node : map.items("time")) {
        const Values values(node);
        machine.time.push_back({values.text("server"), values.boolean("authenticated", false)});
    }
    read_signatures(source, map, machine);
    read_administrators(source, map, machine);
    machine.confirm = map.duration("confirm", machine.confirm);
    if (machine.confirm < std::chrono::seconds{10} || machine.confirm > std::chrono::hours{24})
        source.error(map.place("confirm"), "\"confirm\" is from 10 seconds to 24 hours");
    read_journal(source, map, directory, machine, named_files);
    read_acme(source, map, directory, machine, named_files);
    machine.updates = read_https(source, map, "updates");
    machine.updates_authorities = read_path(map, "updates_authorities", directory, &named_files);
    machine.debug = map.boolean("debug", false);
    return machine;
}

}  // namespace postern::policy
