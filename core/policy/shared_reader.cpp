#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::HopTls;

bool is_loopback(const vocabulary::HostPort& host)
{
    const auto ip = vocabulary::parse_ip(host.host);
    return ip && ip->is_loopback();
}

HopTls tls_of(const std::string& word)
{
    if (word == "dane") return HopTls::dane;
    if (word == "pin") return HopTls::pin;
    return word == "none" ? HopTls::none : HopTls::verify;
}

/// What must be said together and what excludes each other.
void check_hop(Source& source, const Values& map, const char* hosts_key, const vocabulary::NextHop& hop)
{
    if (map.has(hosts_key) == map.has("mx"))
        source.error(map.place(), fmt::format("one of \"{}\" and \"mx\" is needed", hosts_key),
                     fmt::format("{}: [\"mail.example.org:25\"]", hosts_key));
    const bool clear_allowed = hop.mx_domain.empty() && std::ranges::all_of(hop.hosts, is_loopback);
    if (hop.tls == HopTls::none && !clear_allowed)
        source.error(map.place("tls"), "clear text to another machine",
                     "tls: none is only for loopback; write verify, dane or pin");
    if (hop.tls == HopTls::pin && hop.pins.empty())
        source.error(map.place("tls"), "tls: pin without pins", "pins: [SHA-256 of the certificate]");
    if (hop.tls != HopTls::pin && map.has("pins"))
        source.error(map.key_place("pins"), "pins count only with tls: pin", "write tls: pin or take them out");
    if (hop.tls != HopTls::verify && map.has("verify_name"))
        source.error(map.key_place("verify_name"), "verify_name counts only with tls: verify");
    if (hop.tls != HopTls::verify && map.has("authorities"))
        source.error(map.key_place("authorities"), "authorities count only with tls: verify");
}

}  // namespace

vocabulary::NextHop read_next_hop(Source& source, const Values& map, const char* hosts_key,
                                  const std::filesystem::path& directory, std::vector<NamedFile>& named_files)
{
    vocabulary::NextHop hop;
    for (const auto& item : map.items(hosts_key)) {
        auto host = vocabulary::parse_host_port(item.text);
        if (!host) continue;
        if (std::ranges::find(hop.hosts, *host) != hop.hosts.end())
            source.warning(item.place, fmt::format("\"{}\" stands twice", item.text));
        else
            hop.hosts.push_back(std::move(*host));
    }
    if (const auto mx = map.domain("mx")) hop.mx_domain = mx->key();
    hop.tls = tls_of(map.text("tls"));
    for (const auto& text : map.texts("pins"))
        if (auto pin = parse_sha256(text)) hop.pins.push_back(std::move(*pin));
    if (const auto name = map.domain("verify_name")) hop.verify_name = name->key();
    hop.ca_file = read_path(map, "authorities", directory, &named_files);
    hop.concurrency = map.small("concurrency", hop.concurrency);
    hop.messages_per_connection = map.small("messages_per_connection", hop.messages_per_connection);
    check_hop(source, map, hosts_key, hop);
    return hop;
}

std::string read_path(const Values& map, const char* key, const std::filesystem::path& directory,
                      std::vector<NamedFile>* named_files)
{
    const auto text = map.text(key);
    if (text.empty()) return {};
    auto path = (directory / text).lexically_normal().string();
    if (named_files != nullptr) named_files->push_back({path, map.place(key)});
    return path;
}

std::string read_rule_name(Source& source, const Values& rule, std::set<std::string>& taken)
{
    auto name = rule.text("name");
    if (!name.empty() && !taken.insert(name).second)
        source.error(rule.place("name"), fmt::format("two rules of this file are called \"{}\"", name),
                     "names are unique in a file");
    return name;
}

}  // namespace postern::policy
