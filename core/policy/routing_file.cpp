#include "policy/keys.hpp"
#include "policy/readers.hpp"

#include <fmt/format.h>

namespace postern::policy {

namespace {

CommunityPart read_community(Source& source, const Values& map)
{
    CommunityPart community;
    community.suffix = map.domain("suffix");
    community.suffix_place = map.place("suffix");
    community.operator_address = map.address("operator");
    community.operator_place = map.place("operator");
    community.carry_redirects = map.text("redirects") == "carry";
    community.redirect_hops = map.small("redirect_hops", community.redirect_hops);
    community.refuse_outside_receipts = map.text("outside_receipts") == "refuse";
    if (community.suffix && community.suffix->text().find('.') == std::string::npos)
        source.error(community.suffix_place,
                     fmt::format("the suffix \"{}\" is a single label", community.suffix->text()),
                     "write a domain such as cjsm.net");
    return community;
}

vocabulary::RetrySchedule read_retry(Source& source, const Values& map)
{
    vocabulary::RetrySchedule retry;
    retry.first = map.duration("first", retry.first);
    retry.factor = map.factor("factor", retry.factor);
    retry.at_most = map.duration("at_most", retry.at_most);
    retry.jitter = map.percent("jitter", retry.jitter);
    retry.delay_report = map.duration("delay_report", retry.delay_report);
    retry.give_up = map.duration("give_up", retry.give_up);
    if (retry.first < std::chrono::seconds{1})
        source.error(map.place("first"), "the first wait is shorter than a second");
    if (retry.at_most < retry.first) source.error(map.place("at_most"), "the longest wait is shorter than the first");
    if (retry.give_up <= retry.first) source.error(map.place("give_up"), "mail would bounce before the second attempt");
    if (retry.delay_report >= retry.give_up && map.has("delay_report"))
        source.warning(map.place("delay_report"), "no delay is ever reported: mail bounces earlier");
    return retry;
}

RouteRule read_route(Source& source, const YamlNode& node, const std::filesystem::path& directory,
                     std::set<std::string>& names, std::vector<NamedFile>& named_files)
{
    const Values map(node);
    RouteRule route;
    read_rule(source, map, vocabulary::Stage::recipient, vocabulary::RuleFile::routing, names, route);
    if (map.map("then").place().line > 0)
        route.next_hop = read_next_hop(source, map.map("then"), "next_hop", directory, named_files);
    route.next_hop.name = "route:" + route.name;
    if (!route.when.condition || !keeps_mail_inside(*route.when.condition))
        source.error(map.key_place(map.has("when") ? "when" : "name"),
                     fmt::format("route \"{}\" could carry mail for outside the community", route.name),
                     "add recipient.inside: true (only origin: alert may leave)");
    return route;
}

}  // namespace

RoutingFile read_routing_file(Source& source, const YamlNode& tree, const std::filesystem::path& directory)
{
    check_shape(source, tree, shape_of(FileKind::routing), {});
    const Values top(tree);
    RoutingFile file;
    file.community = read_community(source, top.map("community"));
    file.retry = read_retry(source, top.map("retry"));
    std::set<std::string> names;
    for (const auto& node : top.items("routes"))
        file.routes.push_back(read_route(source, node, directory, names, file.named_files));
    name_shadowed(source, file.routes, "route", [](const RouteRule&) { return true; });
    return file;
}

}  // namespace postern::policy
