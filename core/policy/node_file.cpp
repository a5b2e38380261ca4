#include "base/text.hpp"
#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::IntakeLimits;
using vocabulary::Listener;

/// What sockaddr_un holds, less its terminating zero.
constexpr std::size_t longest_socket_path = 107;

IntakeLimits read_intake_limits(const Values& map)
{
    IntakeLimits limits;
    limits.connections = map.small("connections", limits.connections);
    limits.connections_per_address = map.small("connections_per_address", limits.connections_per_address);
    limits.commands = map.small("commands", limits.commands);
    limits.errors = map.small("errors", limits.errors);
    limits.command_line = map.size("command_line").value_or(limits.command_line);
    limits.line = map.size("line").value_or(limits.line);
    limits.header = map.size("header").value_or(limits.header);
    limits.header_fields = map.small("header_fields", limits.header_fields);
    limits.received_fields = map.small("received_fields", limits.received_fields);
    limits.memory = map.size("memory").value_or(limits.memory);
    limits.command_time = map.duration("command_time", limits.command_time);
    limits.transaction_time = map.duration("transaction_time", limits.transaction_time);
    limits.handshake_time = map.duration("handshake_time", limits.handshake_time);
    limits.call_outs = map.rate("call_outs", limits.call_outs);
    return limits;
}

/// RFC 5321 section 4.5.3.1 says what every server must take; more than a megabyte of command is nobody's.
void check_intake_limits(Source& source, const Values& map, const IntakeLimits& limits)
{
    const auto within = [&](const char* key, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
        if (value < least || value > most)
            source.error(map.place(key), fmt::format("\"{}\" is from {} to {}", key, vocabulary::print_size(least),
                                                     vocabulary::print_size(most)));
    };
    within("command_line", limits.command_line, 512, 64ULL << 10);
    within("line", limits.line, 1000, 16ULL << 20);
    within("header", limits.header, 16ULL << 10, 16ULL << 20);
    within("memory", limits.memory, 1ULL << 20, 1ULL << 40);
    const auto at_least_second = [&](const char* key, Duration value) {
        if (value < std::chrono::seconds{1})
            source.error(map.place(key), fmt::format("\"{}\" is shorter than a second", key));
    };
    at_least_second("command_time", limits.command_time);
    at_least_second("transaction_time", limits.transaction_time);
    at_least_second("handshake_time", limits.handshake_time);
}

void check_listener(Source& source, const Values& map, const Listener& listener)
{
    const auto ip = vocabulary::parse_ip(listener.address.host);
    if (map.host_port("address") && !ip)
        source.error(map.place("address"), "a listener has an IP address and a port", "\"0.0.0.0:25\" or \"[::]:25\"");
    if (listener.clear_text && !(ip && ip->is_loopback()))
        source.error(map.place("clear_text"), "clear text is possible only on loopback",
                     "address: \"127.0.0.1:2525\", or take clear_text out");
    if (!listener.tls && !listener.clear_text)
        source.error(map.place("name"), fmt::format("listener \"{}\" has no \"tls\"", listener.name),
                     "tls: { certificate: mx.pem, key: mx.key }");
}

Listener read_listener(Source& source, const Values& map, const std::filesystem::path& directory,
                       std::vector<NamedFile>& named_files)
{
    Listener listener;
    listener.name = map.text("name");
    listener.address = map.host_port("address").value_or(vocabulary::HostPort{});
    listener.clear_text = map.boolean("clear_text", false);
    if (map.has("tls")) {
        const auto tls = map.map("tls");
        vocabulary::ListenerTls declared;
        declared.certificate = read_path(tls, "certificate", directory, &named_files);
        declared.key = read_path(tls, "key", directory, &named_files);
        declared.clients = tls.text("clients") == "none" ? vocabulary::ListenerTls::Clients::none
                                                         : vocabulary::ListenerTls::Clients::request;
        listener.tls = std::move(declared);
    }
    listener.limits = read_intake_limits(map.map("limits"));
    check_intake_limits(source, map.map("limits"), listener.limits);
    check_listener(source, map, listener);
    return listener;
}

void read_listeners(Source& source, const Values& top, const std::filesystem::path& directory, NodeFile& file)
{
    std::set<std::string> names;
    for (const auto& node : top.items("listeners")) {
        const Values map(node);
        auto listener = read_listener(source, map, directory, file.named_files);
        static_cast<void>(read_rule_name(source, map, names));
        const auto same = [&](const Listener& other) {
            return other.address == listener.address && listener.address.port != 0;
        };
        if (std::ranges::any_of(file.node.listeners, same))
            source.error(map.place("address"), "two listeners have this address");
        file.node.listeners.push_back(std::move(listener));
    }
}

void check_socket_path(Source& source, const Place& place, const std::string& path)
{
    if (path.size() > longest_socket_path)
        source.error(place, fmt::format("the socket's path has more than {} bytes: {}", longest_socket_path, path),
                     "choose a shorter one");
}

void read_mailboxes(Source& source, const Values& top, const std::filesystem::path& directory, vocabulary::Node& node)
{
    if (!top.has("mailboxes")) return;
    const auto map = top.map("mailboxes");
    vocabulary::Mailboxes mailboxes;
    auto& lmtp = mailboxes.lmtp;
    lmtp.name = "mailboxes";
    lmtp.protocol = vocabulary::HopProtocol::lmtp;
    lmtp.tls = vocabulary::HopTls::none;
    if (map.text("lmtp").find('/') != std::string::npos) {
        lmtp.unix_socket = read_path(map, "lmtp", directory, nullptr);
        check_socket_path(source, map.place("lmtp"), lmtp.unix_socket);
    } else if (const auto host = map.host_port("lmtp")) {
        lmtp.hosts.push_back(*host);
    }
    node.mailboxes = std::move(mailboxes);
}

void read_scanner(Source& source, const Values& top, const std::filesystem::path& directory,
                  vocabulary::Scanner& scanner)
{
    const auto map = top.map("scanner");
    scanner.workers = map.small("workers", scanner.workers);
    scanner.deadline = map.duration("deadline", scanner.deadline);
    scanner.memory = map.size("memory").value_or(scanner.memory);
    scanner.temporary = map.size("temporary").value_or(scanner.temporary);
    scanner.wants_none = map.text("signatures") == "none";
    if (!scanner.wants_none) scanner.signatures = read_path(map, "signatures", directory, nullptr);
    scanner.signatures_age = map.duration("signatures_age", scanner.signatures_age);
    scanner.defer_when_old = map.text("signatures_old") == "defer";
    scanner.archive_depth = map.small("archive_depth", scanner.archive_depth);
    scanner.archive_files = map.small("archive_files", scanner.archive_files);
    scanner.archive_size = map.size("archive_size").value_or(scanner.archive_size);
    if (scanner.deadline < std::chrono::seconds{1} || scanner.deadline > std::chrono::minutes{10})
        source.error(map.place("deadline"), "\"deadline\" is from 1 second to 10 minutes");
    const auto within = [&](const char* key, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
        if (value < least || value > most)
            source.error(map.place(key), fmt::format("\"{}\" is from {} to {}", key, vocabulary::print_size(least),
                                                     vocabulary::print_size(most)));
    };
    within("memory", scanner.memory, 64ULL << 20, 1ULL << 40);
    within("temporary", scanner.temporary, 1ULL << 20, 1ULL << 40);
    within("archive_size", scanner.archive_size, 1ULL << 20, 4ULL << 30);
    if (!map.has("signatures"))
        source.warning(top.has("scanner") ? top.key_place("scanner") : Place{},
                       "no signatures are declared: nobody looks for viruses in this mail",
                       "scanner: { signatures: /var/lib/clamav }, or signatures: none where that is meant so");
}

void read_metrics(Source& source, const Values& top, vocabulary::Node& node)
{
    node.metrics = top.host_port("metrics");
    if (!node.metrics) return;
    const auto ip = vocabulary::parse_ip(node.metrics->host);
    if (!ip || !ip->is_loopback())
        source.error(top.place("metrics"), "metrics are shown on loopback only",
                     "\"127.0.0.1:9125\"; put a proxy with access control in front");
}

/// "02:30".
std::optional<std::chrono::minutes> parse_time_of_day(std::string_view text)
{
    const auto digits = [](std::string_view two, unsigned most) -> std::optional<unsigned> {
        if (two.size() != 2 || two.find_first_not_of("0123456789") != two.npos) return std::nullopt;
        const auto value = static_cast<unsigned>((two[0] - '0') * 10 + (two[1] - '0'));
        return value <= most ? std::optional(value) : std::nullopt;
    };
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto hours = digits(text.substr(0, 2), 23);
    const auto minutes = digits(text.substr(3), 59);
    if (!hours || !minutes) return std::nullopt;
    return std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
}

/// The certificate of the first listener that has one, and its key.
template <class Shower>
void show_first_listeners(const vocabulary::Node& node, Shower& shower)
{
    const auto first = std::ranges::find_if(node.listeners, [](const auto& listener) { return bool(listener.tls); });
    if (first == node.listeners.end()) return;
    shower.certificate = first->tls->certificate;
    shower.key = first->tls->key;
}

void read_backup_folder(Source& source, const Values& map, const std::filesystem::path& directory,
                        const vocabulary::Node& node, vocabulary::Backup& backup)
{
    backup.folder = read_path(map, "folder", directory, nullptr);
    const auto lies_in = [](const std::string& path, const std::string& folder) {
        return !folder.empty() && (path + "/").starts_with(folder + "/");
    };
    if (lies_in(backup.folder, node.storage))
        source.error(map.place("folder"), "backups would lie with what they are to replace",
                     "a folder that is not below storage: directory");
    // Each would hold all that were made before it.
    if (lies_in(backup.folder, directory.string()))
        source.error(map.place("folder"), "backups would lie in the policy's directory, of which each is a copy",
                     "a folder outside it, best on another machine's disk: folder: /mnt/backup");
}

void read_backup_server(Source& source, const Values& map, const std::filesystem::path& directory, NodeFile& file,
                        vocabulary::Backup& backup)
{
    backup.to = read_https(source, map, "to");
    backup.authorities = read_path(map, "authorities", directory, &file.named_files);
    backup.credentials = map.text("credentials");
    if (backup.to.contains('?'))
        source.error(map.place("to"), "a folder has no question behind it", "to: https://backup.example/postern");
    if (!backup.to.empty() && !backup.folder.empty())
        source.error(map.place("to"), "backups go to a folder or to a server, not to both", "take one of them out");
    for (const char* key : {"authorities", "credentials"})
        if (backup.to.empty() && map.has(key))
            source.error(map.place(key), fmt::format("\"{}\" without \"to\"", key),
                         "to: https://backup.example/postern");
    show_first_listeners(file.node, backup);
}

void read_backup_times(Source& source, const Values& map, vocabulary::Backup& backup)
{
    for (const auto& text : map.texts("at")) {
        if (const auto time = parse_time_of_day(text))
            backup.at.push_back(*time);
        else
            source.error(map.place("at"), fmt::format("\"{}\" is no time of day", printable(text, 20)), "[\"02:30\"]");
    }
    if (backup.at.empty()) backup.at.push_back(std::chrono::minutes{150});
    std::ranges::sort(backup.at);
    if (!backup.is_made_by_clock() && map.has("at"))
        source.error(map.place("at"), "times without \"folder\" or \"to\"", "folder: /mnt/backup");
}

void read_backup(Source& source, const Values& top, const std::filesystem::path& directory, NodeFile& file)
{
    if (!top.has("backup")) return;
    const auto map = top.map("backup");
    vocabulary::Backup backup;
    backup.keys = map.texts("keys");
    for (const auto& key : backup.keys)
        if (!vocabulary::is_backup_key(key))
            source.error(map.place("keys"), fmt::format("\"{}\" is no public backup key", printable(key, 60)),
                         "`postern backup key FILE` makes one and prints it");
    read_backup_folder(source, map, directory, file.node, backup);
    read_backup_server(source, map, directory, file, backup);
    read_backup_times(source, map, backup);
    backup.keep = map.small("keep", backup.keep);
    if (backup.folder.empty() && map.has("keep"))
        source.error(map.place("keep"), "\"keep\" counts what lies in a \"folder\"", "folder: /mnt/backup");
    file.credentials_of_backup = map.place("credentials");
    file.node.backup = std::move(backup);
}

void read_remote(Source& source, const Values& top, const std::filesystem::path& directory, NodeFile& file)
{
    if (!top.map("control").has("remote")) return;
    const auto map = top.map("control").map("remote");
    file.control = top.map("control").key_place("remote");
    vocabulary::ControlRemote remote;
    remote.address = map.host_port("address").value_or(vocabulary::HostPort{});
    if (map.host_port("address") && !vocabulary::parse_ip(remote.address.host))
        source.error(map.place("address"), "the control protocol listens at an IP address and a port",
                     "\"0.0.0.0:8443\" or \"[::]:8443\"");
    remote.administrators = read_path(map, "administrators", directory, &file.named_files);
    if (!remote.administrators.empty() && remote.administrators == file.node.authorities)
        source.error(map.place("administrators"), "every member's server could administer the gateway",
                     "make an authority for administrators alone: postern ca init");
    remote.certificate = read_path(map, "certificate", directory, &file.named_files);
    remote.key = read_path(map, "key", directory, &file.named_files);
    if (remote.certificate.empty() != remote.key.empty())
        source.error(map.place(remote.key.empty() ? "certificate" : "key"), "a certificate and its key go together");
    if (remote.certificate.empty()) show_first_listeners(file.node, remote);
    if (remote.certificate.empty())
        source.error(map.place("address"), "no listener has a certificate that could be shown here",
                     "certificate: mx.pem, and key: mx.key");
    file.node.control_remote = std::move(remote);
}

void read_storage(Source& source, const Values& top, const std::filesystem::path& directory, vocabulary::Node& node)
{
    const auto map = top.map("storage");
    node.storage = read_path(map, "directory", directory, nullptr);
    node.body_in_database = map.size("body_in_database").value_or(node.body_in_database);
    if (node.body_in_database > 16ULL << 20)
        source.error(map.place("body_in_database"), "bodies in the database are at most 16 MiB");
    node.generations_kept = map.duration("generations", node.generations_kept);
}

}  // namespace

NodeFile read_node_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory)
{
    check_shape(source, tree, shape_of(FileKind::node), {});
    const Values top(tree);
    NodeFile file;
    auto& node = file.node;
    node.name = top.text("name");
    read_listeners(source, top, directory, file);
    read_storage(source, top, directory, node);
    node.threads = top.small("threads", 0);
    node.resolvers = top.map("resolver").texts("servers");
    node.trust_anchor = read_path(top.map("resolver"), "trust_anchor", directory, &file.named_files);
    node.authorities = read_path(top.map("certificates"), "members", directory, &file.named_files);
    node.hop_authorities = read_path(top.map("certificates"), "next_hops", directory, &file.named_files);
    read_mailboxes(source, top, directory, node);
    read_scanner(source, top, directory, node.scanner);
    node.secrets = read_path(top, "secrets", directory, &file.named_files);
    file.secrets = top.place("secrets");
    node.control_socket = read_path(top.map("control"), "socket", directory, nullptr);
    check_socket_path(source, top.map("control").place("socket"), node.control_socket);
    node.control_group = top.map("control").text("group");
    read_remote(source, top, directory, file);
    read_backup(source, top, directory, file);
    read_metrics(source, top, node);
    if (top.has("machine")) file.machine = read_machine(source, top.map("machine"), directory, file.named_files);
    if (file.machine && node.backup && !node.backup->folder.empty())
        source.warning(
            top.map("backup").place("folder"),
            "an appliance mounts nobody's file systems: this folder is on the disk that backups are to outlive",
            "put them on a server, to: https://backup.example/postern, or fetch them: postern --at GATEWAY backup "
            "create FILE");
    node.user = top.text("user");
    const auto log = top.text("log");
    node.log = log.empty() || log == "stderr" ? "stderr" : read_path(top, "log", directory, nullptr);
    return file;
}

}  // namespace postern::policy
