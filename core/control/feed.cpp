#include "control/feed.hpp"

#include "base/text.hpp"
#include "directory/feed.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

namespace postern::control {

namespace {

namespace json = boost::json;

using directory::FeedEntry;
using vocabulary::Act;
using vocabulary::Suspension;

constexpr std::size_t at_once = 1000;  // entries, before others have their turn
constexpr std::size_t longest_base = 500;

std::string parameter(const Request& request, const char* name)
{
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string{} : found->second;
}

/// What everybody may see, of whom mail passes for.
bool may_be_shown(const directory::DirectoryEntry& entry, const vocabulary::Organisation* organisation, Instant now)
{
    if (entry.ex_directory || entry.status != directory::EntryStatus::active || organisation == nullptr) return false;
    const auto* suspension = organisation->suspension(now);
    return suspension == nullptr || suspension->kind != Suspension::Kind::sanction;
}

FeedEntry feed_entry(const directory::DirectoryEntry& entry, const vocabulary::Organisation& organisation)
{
    const auto inside = transform::inside(entry.address, organisation);
    return {.address = inside ? inside->text() : entry.address.text(),
            .name = entry.name,
            .kind = entry.kind,
            .function = entry.function,
            .organisation = entry.organisation,
            .organisation_name = organisation.name,
            .kind_of_body = organisation.kind_of_body,
            .place = organisation.place,
            .details = entry.details};
}

json::object json_of(const FeedEntry& entry)
{
    json::object object{{"address", entry.address},
                        {"name", entry.name},
                        {"kind", std::string(name_of(entry.kind))},
                        {"organisation", entry.organisation},
                        {"organisation_name", entry.organisation_name}};
    if (!entry.function.empty()) object["function"] = entry.function;
    if (!entry.kind_of_body.empty()) object["kind_of_body"] = entry.kind_of_body;
    if (!entry.place.empty()) object["place"] = entry.place;
    json::object details;
    for (const auto& [name, value] : entry.details) details[name] = value;
    if (!details.empty()) object["details"] = std::move(details);
    return object;
}

/// A distinguished name as an administrator gives it: what could end a line, or is none at all, is refused.
bool is_base(const std::string& base)
{
    return base.size() <= longest_base && is_ascii(base) && base.find('=') != std::string::npos &&
           std::ranges::none_of(base, [](char c) { return c < ' ' || c == 0x7F; }) && base.front() != ' ' &&
           base.back() != ' ';
}

}  // namespace

bool FeedApi::is_mine(const Request& request)
{
    return request.method == "GET" && request.path == "/v1/directory/feed";
}

boost::asio::awaitable<Response> FeedApi::handle(Request request)
{
    const auto organisation_id = parameter(request, "organisation");
    auto permitted = co_await permits_.require(request, Act::read_feed, organisation_id);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto format = parameter(request, "format");
    const auto base = parameter(request, "base");
    if (!format.empty() && format != "json" && format != "csv" && format != "ldif")
        co_return Response::error(400, "format is json, csv or ldif", request.wants_text);
    if (!base.empty() && !is_base(base))
        co_return Response::error(400, "base is a distinguished name such as dc=cjsm,dc=net", request.wants_text);

    std::vector<std::string> wanted;
    if (!organisation_id.empty()) wanted.push_back(organisation_id);
    auto found = co_await services_.directory.administration().all(std::move(wanted));
    if (!found) co_return denied(found.error(), request);
    const auto policy = services_.generations.current()->policy;
    const Instant now = services_.clock.now();
    const auto executor = co_await boost::asio::this_coro::executor;
    std::vector<FeedEntry> entries;
    for (std::size_t i = 0; i < found->size(); ++i) {
        if (i % at_once == 0) co_await boost::asio::post(executor, boost::asio::use_awaitable);
        const auto* organisation = policy->organisation((*found)[i].organisation);
        if (may_be_shown((*found)[i], organisation, now)) entries.push_back(feed_entry((*found)[i], *organisation));
    }
    const auto suffix = policy->community().suffix.key();
    const std::string tree = base.empty() ? directory::base_of(suffix) : base;
    // A large community is seconds of work: not where mail waits.
    std::function<std::string()> print = [entries = std::move(entries), format, tree, suffix, now]() mutable {
        std::ranges::sort(entries, {}, &FeedEntry::address);
        if (format == "csv") return directory::print_feed_csv(entries);
        if (format == "ldif") return directory::print_feed_ldif(entries, tree);
        json::array all;
        for (const auto& entry : entries) all.push_back(json_of(entry));
        return json::serialize(
            json::object{{"community", suffix}, {"generated", to_iso8601(now)}, {"entries", std::move(all)}});
    };
    auto text = co_await services_.directory.administration().aside(std::move(print));
    if (!text) co_return denied(text.error(), request);
    const char* type = format == "csv"    ? "text/csv; charset=utf-8"
                       : format == "ldif" ? "text/plain; charset=utf-8"
                                          : "application/json";
    co_return Response{200, type, std::move(*text)};
}

}  // namespace postern::control
