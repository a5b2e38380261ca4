#include "control/queries.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <ctime>

namespace postern::control {

namespace {

Result<std::size_t> number(const std::string& name, const std::string& text)
{
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0)
        return fault(Retry::never, fmt::format("{} must be a whole number from 1, not \"{}\"", name, text));
    return value;
}

Result<void> check_names(const Query& query, std::initializer_list<std::string_view> known)
{
    for (const auto& [name, value] : query)
        if (std::ranges::find(known, name) == known.end())
            return fault(Retry::never,
                         fmt::format("unknown parameter \"{}\"; known are {}", name, fmt::join(known, ", ")));
    return {};
}

std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const auto comma = std::min(text.find(',', at), text.size());
        if (comma > at) parts.push_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return parts;
}

Result<Instant> moment(const std::string& text, Instant now)
{
    std::tm parts{};
    const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) rest = strptime(text.c_str(), "%Y-%m-%d", &parts);
    if (rest && (*rest == '\0' || std::string_view(rest) == "Z"))
        return std::chrono::sys_seconds{std::chrono::seconds{timegm(&parts)}};
    const auto ago = vocabulary::parse_duration(text);
    if (ago) return now - *ago;
    return fault(
        Retry::never,
        fmt::format("since must be a time like 2026-11-23T10:00:00Z or a duration like \"2 hours\", not \"{}\"", text));
}

}  // namespace

Result<store::QueueFilter> queue_filter(const Query& query)
{
    if (auto known = check_names(query, {"id", "from", "to", "organisation", "held", "older_than", "limit"}); !known)
        return std::unexpected(known.error());
    store::QueueFilter filter;
    for (const auto& [name, value] : query) {
        if (name == "id") filter.ids = split(value);
        if (name == "from") filter.sender = value;
        if (name == "to") filter.recipient = value;
        if (name == "organisation") filter.organisation = value;
        if (name == "held") filter.held = value != "false" && value != "0";
        if (name == "older_than") {
            const auto age = vocabulary::parse_duration(value);
            if (!age) return std::unexpected(age.error());
            filter.older_than = *age;
        }
        if (name == "limit") {
            const auto limit = number(name, value);
            if (!limit) return std::unexpected(limit.error());
            filter.limit = *limit;
        }
    }
    return filter;
}

Result<store::TraceFilter> trace_filter(const Query& query, Instant now)
{
    if (auto known = check_names(query, {"id", "from", "to", "since", "limit"}); !known)
        return std::unexpected(known.error());
    store::TraceFilter filter;
    for (const auto& [name, value] : query) {
        if (name == "id") filter.id = value;
        if (name == "from") filter.from = value;
        if (name == "to") filter.to = value;
        if (name == "since") {
            const auto since = moment(value, now);
            if (!since) return std::unexpected(since.error());
            filter.since = *since;
        }
        if (name == "limit") {
            const auto limit = number(name, value);
            if (!limit) return std::unexpected(limit.error());
            filter.limit = *limit;
        }
    }
    return filter;
}

Result<QueueOrder> queue_order(const std::string& body)
{
    boost::system::error_code failed;
    const auto value = boost::json::parse(body, failed);
    if (failed || !value.is_object()) return fault(Retry::never, "the body must be a JSON object");
    QueueOrder order;
    Query query;
    bool all = false;
    for (const auto& [key, member] : value.get_object()) {
        if (key == "all" && member.is_bool())
            all = member.get_bool();
        else if (key == "reason" && member.is_string())
            order.reason = member.get_string();
        else if (member.is_string())
            query[std::string(key)] = member.get_string();
        else if (member.is_bool())
            query[std::string(key)] = member.get_bool() ? "true" : "false";
        else
            return fault(Retry::never, fmt::format("\"{}\" must be text", std::string(key)));
    }
    if (query.empty() && !all)
        return fault(Retry::never, "nothing says which messages; name ids or a filter, or say that all are meant");
    query.try_emplace("limit", "1000000");
    auto filter = queue_filter(query);
    if (!filter) return std::unexpected(filter.error());
    order.filter = std::move(*filter);
    return order;
}

}  // namespace postern::control
