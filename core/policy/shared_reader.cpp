#include "base/text.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

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

/// Fields that carry the message's structure or its way: changing them by rule would break mail, replies or the
/// detection of loops.
constexpr std::array<std::string_view, 16> untouchable{"from",         "sender",
                                                       "reply-to",     "to",
                                                       "cc",           "bcc",
                                                       "date",         "message-id",
                                                       "received",     "return-path",
                                                       "subject",      "mime-version",
                                                       "content-type", "content-transfer-encoding",
                                                       "delivered-to", "authentication-results"};

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
    if (hop.tls == HopTls::none && map.has("credentials"))
        source.error(map.key_place("credentials"), "a password is not said in clear text", "tls: verify, dane or pin");
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
    hop.credentials = map.text("credentials");
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

bool is_changeable_header(std::string_view name)
{
    return std::ranges::find(untouchable, to_lower(name)) == untouchable.end();
}

void check_changed_header(Source& source, const Place& place, const std::string& name)
{
    if (!is_header_name(name))
        return source.error(place, fmt::format("\"{}\" is no name of a header field", printable(name, 60)));
    if (!is_changeable_header(name))
        source.error(place, fmt::format("the field \"{}\" is not changed by rules", name),
                     "mail, replies or loop detection would break");
}

namespace {

OnError on_error_of(const std::string& word)
{
    if (word == "reject") return OnError::reject;
    return word == "ignore" ? OnError::ignore : OnError::defer;
}

void read_script(Source& source, const Values& map, Rule& rule)
{
    if (!map.has("lua")) {
        for (const char* key : {"may", "on_error"})
            if (map.has(key))
                source.error(map.key_place(key), fmt::format("\"{}\" counts only with \"lua\"", key),
                             "name a script, or take it out");
        return;
    }
    auto& script = rule.script.emplace();
    script.file = map.text("lua");
    script.place = map.place("lua");
    for (const auto& word : map.texts("may"))
        if (const auto* action = vocabulary::find_action(word)) script.may.add(action->id);
    script.on_error = on_error_of(map.text("on_error"));
}

/// Whether passing over it would let something through that it decides.
bool is_decisive(vocabulary::ActionId action)
{
    using vocabulary::ActionId;
    switch (action) {
        case ActionId::accept:
        case ActionId::reject:
        case ActionId::defer:
        case ActionId::quarantine:
        case ActionId::redirect:
        case ActionId::allow:
        case ActionId::refuse:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::string read_rule_name(Source& source, const Values& rule, std::set<std::string>& taken)
{
    auto name = rule.text("name");
    if (!name.empty() && !taken.insert(name).second)
        source.error(rule.place("name"), fmt::format("two rules of this file are called \"{}\"", name),
                     "names are unique in a file");
    return name;
}

void read_rule(Source& source, const Values& map, vocabulary::Stage stage, vocabulary::RuleFile file,
               std::set<std::string>& taken, Rule& rule)
{
    rule.name = read_rule_name(source, map, taken);
    rule.place = map.place("name");
    rule.label = fmt::format("{}:{} {}", vocabulary::file_name(file), rule.place.line, rule.name);
    rule.when = read_condition(source, map.node("when"), stage);
    read_script(source, map, rule);
}

void check_ignore(Source& source, const Values& map, const Rule& rule, const OrderTemplates& then)
{
    if (!rule.script || rule.script->on_error != OnError::ignore) return;
    for (const auto& action : vocabulary::actions()) {
        const bool ordered =
            std::ranges::any_of(then, [&](const OrderTemplate& order) { return order.order.action == action.id; });
        if (!is_decisive(action.id) || !(ordered || rule.script->may.has(action.id))) continue;
        return source.error(map.place("on_error"),
                            fmt::format("a failing script would be ignored that may {}", action.name),
                            "write defer or reject: what decides about mail is not passed over");
    }
}

}  // namespace postern::policy
