#include "policy/alerts_file.hpp"

#include "base/text.hpp"
#include "policy/event_condition.hpp"
#include "policy/keys.hpp"
#include "policy/model.hpp"
#include "policy/parse.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace postern::policy {

namespace {

using vocabulary::AlertChannel;
using vocabulary::AlertReach;
using vocabulary::AlertRole;
using vocabulary::AlertRule;
using vocabulary::AlertTarget;
using vocabulary::AlertTrigger;

/// The value itself, or the items of the list that it is.
std::vector<const YamlNode*> each(const YamlNode* node)
{
    std::vector<const YamlNode*> all;
    if (node == nullptr) return all;
    if (!node->is_list()) return {node};
    for (const auto& item : node->items) all.push_back(&item);
    return all;
}

// --- people ------------------------------------------------------------------------------------------------------

constexpr std::array<std::pair<std::string_view, AlertRole>, 7> roles{
    {{"operations", AlertRole::operations},
     {"service_administrator", AlertRole::service_administrator},
     {"service_manager", AlertRole::service_manager},
     {"auditor", AlertRole::auditor},
     {"organisation_administrators", AlertRole::organisation_administrators},
     {"sender", AlertRole::sender},
     {"user", AlertRole::user}}};

bool is_declared(AlertRole role)
{
    return role == AlertRole::operations || role == AlertRole::service_administrator ||
           role == AlertRole::service_manager || role == AlertRole::auditor;
}

std::optional<AlertTarget> read_target(Source& source, const YamlNode& node)
{
    AlertTarget target;
    if (node.text.find('@') != std::string::npos) {
        auto address = mail::Address::parse(node.text);
        if (!address) {
            source.error(node.place, fmt::format("\"{}\" is not an address", printable(node.text, 80)),
                         "write one such as office@example.org");
            return std::nullopt;
        }
        target.role = AlertRole::address;
        target.address = std::move(*address);
        return target;
    }
    std::string_view word = node.text;
    if (const auto dot = word.find('.'); dot != word.npos) {
        const auto reach = word.substr(dot + 1);
        if (reach != "secure" && reach != "non_secure") {
            source.error(node.place, fmt::format("\"{}\" is no kind of address", printable(reach, 40)),
                         "write .secure or .non_secure");
            return std::nullopt;
        }
        target.reach = reach == "secure" ? AlertReach::secure : AlertReach::non_secure;
        word = word.substr(0, dot);
    }
    const auto found = std::ranges::find(roles, word, &decltype(roles)::value_type::first);
    if (found == roles.end()) {
        std::vector<std::string> known;
        for (const auto& role : roles) known.emplace_back(role.first);
        const auto near = nearest(word, known);
        source.error(node.place, fmt::format("\"{}\" is nobody that can be told", printable(node.text, 60)),
                     near.empty() ? fmt::format("known are {}, or an address", fmt::join(known, ", "))
                                  : fmt::format("did you mean \"{}\"?", near));
        return std::nullopt;
    }
    target.role = found->second;
    return target;
}

/// Whether some event of the rule says whom this means.
bool makes_sense(AlertRole role, const std::vector<AlertTrigger>& on)
{
    const auto carried = [&](std::string_view field) {
        return std::ranges::any_of(on, [&](const AlertTrigger& t) {
            return std::ranges::find(vocabulary::info(t.event).fields, field) != vocabulary::info(t.event).fields.end();
        });
    };
    if (role == AlertRole::sender) return carried("sender.address");
    if (role == AlertRole::user) return carried("user.address");
    return true;
}

void declare(vocabulary::AlertPolicy& policy, const mail::Address& address, const Place& place)
{
    policy.addresses.push_back({address, place.line, place.column, place.length});
}

std::vector<AlertTarget> read_targets(Source& source, const Values& map, const AlertRule& rule,
                                      vocabulary::AlertPolicy& policy)
{
    std::vector<AlertTarget> targets;
    for (const auto* node : each(map.node("to"))) {
        auto target = read_target(source, *node);
        if (!target) continue;
        if (target->address) declare(policy, *target->address, node->place);
        if (is_declared(target->role) && !policy.people.contains(target->role))
            source.error(node->place, fmt::format("nobody is declared as \"{}\"", printable(node->text, 60)),
                         fmt::format("people: {{ {}: [somebody@example.org] }}",
                                     std::string_view(node->text).substr(0, node->text.find('.'))));
        if (!makes_sense(target->role, rule.on))
            source.error(node->place, fmt::format("none of these events says who \"{}\" is", node->text));
        targets.push_back(std::move(*target));
    }
    return targets;
}

// --- on ----------------------------------------------------------------------------------------------------------

void read_thresholds(Source& source, const YamlNode& map, std::vector<AlertTrigger>& on)
{
    for (const auto& entry : map.entries) {
        const auto* event = vocabulary::find_event(entry.key);
        if (event == nullptr || event->threshold != entry.key) continue;  // named by the shape already
        for (const auto* value : each(&entry.value)) {
            const auto threshold = vocabulary::parse_threshold(event->form, value->text);
            if (threshold)
                on.push_back({event->id, threshold->text});
            else if (event->form == vocabulary::ThresholdForm::share)  // the others are judged by their shape
                source.error_from(value->place, threshold.error().detail());
        }
    }
}

std::vector<AlertTrigger> read_on(Source& source, const YamlNode* node)
{
    std::vector<AlertTrigger> on;
    for (const auto* item : each(node)) {
        if (item->is_map()) {
            read_thresholds(source, *item, on);
        } else if (const auto* event = vocabulary::find_event(item->text); event != nullptr) {
            const auto usual = vocabulary::parse_threshold(event->form, event->usual);
            on.push_back({event->id, usual ? usual->text : ""});
        }
    }
    return on;
}

// --- rules -------------------------------------------------------------------------------------------------------

void read_at_most(Source& source, const Values& map, AlertRule& rule)
{
    if (!map.has("at_most")) return;
    const auto at_most = map.map("at_most");
    rule.one_per = at_most.duration("one_per", {});
    if (*rule.one_per <= Duration::zero())
        source.error(at_most.place("one_per"), "no time passes in this", "write one_per: 10 minutes");
    rule.group_by = at_most.text("group_by");
    if (rule.group_by.empty()) return;
    const auto carried = [&](const AlertTrigger& t) {
        return vocabulary::carries(vocabulary::info(t.event), rule.group_by);
    };
    if (std::ranges::none_of(rule.on, carried)) {
        auto known = vocabulary::alert_template_values(rule.on);
        const auto near = nearest(rule.group_by, known);
        source.error(at_most.place("group_by"),
                     fmt::format("none of these events carries \"{}\"", printable(rule.group_by, 60)),
                     near.empty() ? "" : fmt::format("did you mean \"{}\"?", near));
    }
}

bool is_plain_name(std::string_view file)
{
    return file.find('/') == file.npos && !file.starts_with('.');
}

/// The name of a file of templates/ under `key`; empty: none is named, or it is wrong.
std::string read_template(Source& source, const Values& map, const char* key, const AlertRule& rule, AlertsFile& file)
{
    auto name = map.text(key);
    if (name.empty()) return name;
    if (!is_plain_name(name)) {
        source.error(map.place(key), fmt::format("\"{}\" is no file of templates/", name),
                     "write its name alone: virus.txt");
        return {};
    }
    file.templates.push_back({name, map.place(key), rule.on, std::string_view(key) != "template"});
    return name;
}

void read_script(Source& source, const Values& map, const AlertRule& rule, AlertsFile& file)
{
    if (!map.has("lua")) {
        for (const char* key : {"may", "on_error"})
            if (map.has(key))
                source.error(map.key_place(key), fmt::format("\"{}\" counts only with \"lua\"", key),
                             "name a script, or take it out");
        return;
    }
    ScriptPart script;
    script.file = map.text("lua");
    script.place = map.place("lua");
    for (const auto& word : map.texts("may"))
        if (const auto* action = vocabulary::find_action(word)) script.may.add(action->id);
    script.on_error = map.text("on_error") == "ignore" ? OnError::ignore : OnError::defer;
    file.scripts.push_back({rule.name, std::move(script)});
}

std::vector<AlertChannel> read_channels(const Values& map)
{
    std::vector<AlertChannel> by;
    for (const auto* node : each(map.node("by"))) {
        const auto channel = node->text == "webhook"  ? AlertChannel::webhook
                             : node->text == "syslog" ? AlertChannel::syslog
                                                      : AlertChannel::mail;
        if (std::ranges::find(by, channel) == by.end()) by.push_back(channel);
    }
    if (by.empty()) by.push_back(AlertChannel::mail);
    return by;
}

AlertRule read_rule(Source& source, const YamlNode& node, std::set<std::string>& names, AlertsFile& file)
{
    const Values map(node);
    AlertRule rule;
    rule.name = read_rule_name(source, map, names);
    rule.place = fmt::format("{}:{} {}", source.file(), map.place("name").line, rule.name);
    rule.on = read_on(source, map.node("on"));
    rule.when = read_event_condition(source, map.node("when"), rule.on);
    rule.by = read_channels(map);
    rule.to = read_targets(source, map, rule, file.policy);
    const auto by = [&](AlertChannel channel) { return std::ranges::find(rule.by, channel) != rule.by.end(); };
    if (by(AlertChannel::mail) && !map.has("to"))
        source.error(map.place("name"), "mail to nobody", "write to: [operations]");
    if (by(AlertChannel::webhook) && !file.policy.webhook)
        source.error(map.place("by"), "no webhook is declared", "webhook: { url: https://alerts.example/postern }");
    rule.template_file = read_template(source, map, "template", rule, file);
    rule.notice_file = read_template(source, map, "template_non_secure", rule, file);
    read_script(source, map, rule, file);
    read_at_most(source, map, rule);
    if (map.has("escalate")) {
        const auto escalate = map.map("escalate");
        rule.escalates = escalate.duration("unacknowledged_for", {});
        if (*rule.escalates <= Duration::zero())
            source.error(escalate.place("unacknowledged_for"), "no time passes in this");
        rule.escalates_to = read_targets(source, escalate, rule, file.policy);
    }
    return rule;
}

// --- ways --------------------------------------------------------------------------------------------------------

bool is_loopback(const std::string& host)
{
    const auto ip = vocabulary::parse_ip(host);
    return (ip && ip->is_loopback()) || host == "localhost";
}

/// "https://host[:port][/path]"; nothing if it is no such thing.
std::optional<vocabulary::Webhook> parse_url(const std::string& url)
{
    vocabulary::Webhook webhook;
    webhook.url = url;
    std::string_view rest = url;
    if (rest.starts_with("https://"))
        rest.remove_prefix(8);
    else if (rest.starts_with("http://"))
        rest.remove_prefix(7), webhook.tls = false, webhook.port = 80;
    else
        return std::nullopt;
    const auto slash = std::min(rest.find('/'), rest.size());
    const std::string authority(rest.substr(0, slash));
    if (slash < rest.size()) webhook.path = rest.substr(slash);
    const bool fits = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7F && c != '#' && c != '@'; });
    const bool has_port =
        authority.find(':', authority.starts_with('[') ? authority.find(']') : 0) != std::string::npos;
    const auto parsed =
        vocabulary::parse_host_port(has_port ? authority : fmt::format("{}:{}", authority, webhook.port));
    if (!parsed || !fits) return std::nullopt;
    webhook.host = parsed->host;
    webhook.port = parsed->port;
    return webhook;
}

void read_headers(Source& source, const Values& map, vocabulary::Webhook& webhook)
{
    const auto* headers = map.node("headers");
    if (headers == nullptr) return;
    constexpr std::array<std::string_view, 6> ours{"host",       "content-length",    "content-type",
                                                   "connection", "transfer-encoding", "x-postern-signature"};
    for (const auto& entry : headers->entries) {
        const bool one_line = entry.value.is_text() && std::ranges::all_of(entry.value.text, [](char c) {
                                  return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
                              });
        if (!is_header_name(entry.key) || !one_line)
            source.error(entry.place, fmt::format("\"{}\" is no header field of one line", printable(entry.key, 60)));
        else if (std::ranges::find(ours, to_lower(entry.key)) != ours.end())
            source.error(entry.place, fmt::format("\"{}\" is set by the service", entry.key));
        else
            webhook.headers.emplace_back(entry.key, entry.value.text);
    }
}

void read_webhook(Source& source, const Values& top, const std::filesystem::path& directory, AlertsFile& file)
{
    if (!top.has("webhook")) return;
    const auto map = top.map("webhook");
    auto webhook = parse_url(map.text("url"));
    if (!webhook)
        return source.error(map.place("url"), fmt::format("\"{}\" is no address of a webhook", map.text("url")),
                            "write https://alerts.example/postern");
    if (!webhook->tls && !is_loopback(webhook->host))
        source.error(map.place("url"), "clear text to another machine", "http:// is only for loopback; write https://");
    read_headers(source, map, *webhook);
    webhook->key_file = read_path(map, "key", directory, &file.named_files);
    webhook->authorities = read_path(map, "authorities", directory, &file.named_files);
    webhook->tries = map.small("tries", webhook->tries);
    webhook->timeout = map.duration("timeout", webhook->timeout);
    if (webhook->timeout < std::chrono::milliseconds{100} || webhook->timeout > std::chrono::minutes{5})
        source.error(map.place("timeout"), "\"timeout\" is from 100 ms to 5 minutes");
    file.policy.webhook = std::move(*webhook);
}

void read_syslog(Source& source, const Values& top, const std::filesystem::path& directory, AlertsFile& file)
{
    using Way = vocabulary::Syslog::Way;
    if (!top.has("syslog")) return;
    const auto map = top.map("syslog");
    auto& syslog = file.policy.syslog;
    const auto by = map.text("by");
    syslog.way = by == "udp" ? Way::udp : by == "tcp" ? Way::tcp : by == "tls" ? Way::tls : Way::local;
    if (const auto socket = read_path(map, "socket", directory, nullptr); !socket.empty()) syslog.socket = socket;
    syslog.server = map.host_port("server").value_or(vocabulary::HostPort{});
    syslog.authorities = read_path(map, "authorities", directory, &file.named_files);
    if (const auto name = map.domain("verify_name")) syslog.verify_name = name->key();
    syslog.facility = map.small("facility", syslog.facility);
    if (syslog.way == Way::local && map.has("server"))
        source.error(map.key_place("server"), "a server needs a way to it", "by: tls");
    if (syslog.way != Way::local && !map.has("server"))
        source.error(map.place("by"), fmt::format("by: {} without \"server\"", by), "server: \"logs.example:6514\"");
    if ((syslog.way == Way::udp || syslog.way == Way::tcp) && map.host_port("server") &&
        !is_loopback(syslog.server.host))
        source.error(map.place("server"), "clear text to another machine",
                     "by: tls; udp and tcp are only for loopback");
}

// --- maintenance -------------------------------------------------------------------------------------------------

std::vector<Duration> read_at_before(const Values& map, std::vector<Duration> fallback)
{
    std::vector<Duration> all;
    for (const auto* node : each(map.node("at_before")))
        if (const auto duration = vocabulary::parse_duration(node->text)) all.push_back(*duration);
    if (all.empty()) all = std::move(fallback);
    std::ranges::sort(all, std::greater{});
    all.erase(std::ranges::unique(all).begin(), all.end());
    return all;
}

vocabulary::WindowIntake read_intake(const Values& map, vocabulary::WindowIntake fallback)
{
    const auto word = map.text("intake");
    if (word.empty()) return fallback;
    return word == "defer" ? vocabulary::WindowIntake::defer : vocabulary::WindowIntake::carry_on;
}

void read_maintenance(Source& source, const Values& top, vocabulary::AlertPolicy& policy)
{
    const auto map = top.map("maintenance");
    policy.at_before = read_at_before(map, policy.at_before);
    policy.intake = read_intake(map, policy.intake);
    std::set<std::string> names;
    for (const auto& node : map.items("windows")) {
        const Values window(node);
        vocabulary::MaintenanceWindow declared;
        declared.name = read_rule_name(source, window, names);
        declared.from = parse_instant(window.text("from")).value_or(Instant{});
        declared.to = parse_instant(window.text("to")).value_or(Instant{});
        declared.text = window.text("text");
        declared.at_before = read_at_before(window, policy.at_before);
        declared.intake = read_intake(window, policy.intake);
        if (declared.from != Instant{} && declared.to != Instant{} && declared.from >= declared.to)
            source.error(window.place("to"), "this window ends before it begins");
        policy.windows.push_back(std::move(declared));
    }
}

void read_people(const Values& top, vocabulary::AlertPolicy& policy)
{
    const auto map = top.map("people");
    for (const auto& [word, role] : roles)
        for (const auto* node : each(map.node(word)))
            if (auto address = mail::Address::parse(node->text)) {
                declare(policy, *address, node->place);
                policy.people[role].push_back(std::move(*address));
            }
}

/// A mail from outside the community must not teach people to follow links.
void find_links(std::string_view text, std::vector<vocabulary::TemplateFault>& faults)
{
    const auto lower = to_lower(text);
    for (const std::string_view mark : {"://", "www.", "mailto:", "@"})
        if (const auto at = lower.find(mark); at != lower.npos)
            faults.push_back({at, mark.size(), "a link or an address in a text for addresses outside",
                              "say in words where to look: whoever forges such a mail would put a link there"});
}

Place place_at(std::string_view bytes, const vocabulary::TemplateFault& fault)
{
    const auto before = bytes.substr(0, fault.at);
    const auto line = static_cast<std::uint32_t>(std::ranges::count(before, '\n') + 1);
    const auto start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    return {line, static_cast<std::uint32_t>(fault.at - start + 1), static_cast<std::uint32_t>(fault.length)};
}

}  // namespace

AlertsFile read_alerts_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory)
{
    check_shape(source, tree, shape_of(FileKind::alerts), {});
    const Values top(tree);
    AlertsFile file;
    read_people(top, file.policy);
    read_webhook(source, top, directory, file);
    read_syslog(source, top, directory, file);
    if (top.has("dkim")) {
        const auto map = top.map("dkim");
        vocabulary::DkimKey key;
        if (const auto domain = map.domain("domain")) key.domain = domain->key();
        if (const auto selector = map.domain("selector")) key.selector = selector->key();
        key.file = read_path(map, "key", directory, &file.named_files);
        file.policy.dkim = std::move(key);
    }
    read_maintenance(source, top, file.policy);
    file.policy.keep = top.duration("keep", file.policy.keep);
    std::set<std::string> names;
    for (const auto& node : top.items("alerts")) file.policy.rules.push_back(read_rule(source, node, names, file));
    return file;
}

AlertTemplates read_alert_templates(const TemplateBytes& bytes_of, const AlertsFile& file, Source source,
                                    Diagnostics& diagnostics)
{
    AlertTemplates templates;
    for (const auto& named : file.templates) {
        const auto name = "templates/" + named.file;
        const auto content = bytes_of(name);
        if (!content) {
            source.error(named.place, fmt::format("the template {} is not there or not readable", name),
                         "write it, or take it out of the rule for the built-in text");
            continue;
        }
        std::vector<vocabulary::TemplateFault> faults;
        auto made = vocabulary::read_mail_template(
            *content,
            named.non_secure ? vocabulary::notice_template_values() : vocabulary::alert_template_values(named.on),
            faults);
        if (named.non_secure) find_links(*content, faults);
        Source text(name, *content, diagnostics);
        for (const auto& fault : faults) text.error(place_at(*content, fault), fault.what, fault.remedy);
        (named.non_secure ? templates.non_secure : templates.inside)[named.file] = std::move(made);
    }
    return templates;
}

}  // namespace postern::policy
