#include "control/feed.hpp"

#include "base/text.hpp"
#include "control/json_body.hpp"
#include "directory/feed.hpp"
#include "transform/mapping.hpp"

#include <algorithm>
#include <memory>
#include <optional>

namespace postern::control {

namespace {

using directory::FeedEntry;
using vocabulary::Act;
using vocabulary::Suspension;

constexpr std::size_t at_once = 500;  // entries of one piece: some milliseconds of a thread, some 150 KB
constexpr std::size_t longest_base = 500;

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

/// One feed on its way. Everything in it is used by one question at a time.
struct Run {
    std::string organisation;
    policy::SnapshotPtr policy;
    Instant now{};
    std::unique_ptr<directory::FeedPrinter> printer;
    std::optional<std::string> after;  ///< the key of the last entry that was read; nothing: it has not begun
    bool over = false;
};

/// Read and printed on a thread of the directory: mail passes meanwhile, and no more than this is in memory.
boost::asio::awaitable<Result<std::string>> next_piece(gateway::Services services, std::shared_ptr<Run> run)
{
    std::string text;
    if (!run->after) text = run->printer->begin();
    while (text.empty() && !run->over) {
        std::function<void(const directory::DirectoryEntry&)> print = [run, &text](const auto& entry) {
            const auto* organisation = run->policy->organisation(entry.organisation);
            if (may_be_shown(entry, organisation, run->now))
                text += run->printer->print(feed_entry(entry, *organisation));
        };
        std::string organisation = run->organisation;
        std::string after = run->after.value_or("");
        auto last = co_await services.directory.administration().walk(std::move(organisation), std::move(after),
                                                                      at_once, std::move(print));
        if (!last) co_return std::unexpected(last.error());
        run->over = last->empty();
        run->after = std::move(*last);
        if (run->over) text += run->printer->end();
    }
    if (!run->after) run->after.emplace();
    co_return text;
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

    const auto run = std::make_shared<Run>();
    run->organisation = organisation_id;
    run->policy = services_.generations.current()->policy;
    run->now = services_.clock.now();
    const auto suffix = run->policy->community().suffix.key();
    Response response{200, "application/json", {}, {}};
    if (format == "csv") {
        response.type = "text/csv; charset=utf-8";
        run->printer = directory::csv_feed();
    } else if (format == "ldif") {
        response.type = "text/plain; charset=utf-8";
        run->printer = directory::ldif_feed(base.empty() ? directory::base_of(suffix) : base);
    } else {
        run->printer = directory::json_feed(suffix, run->now);
    }
    response.pieces = [services = services_, run] { return next_piece(services, run); };
    co_return response;
}

}  // namespace postern::control
