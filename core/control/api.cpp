#include "control/api.hpp"

#include "base/text.hpp"
#include "control/queries.hpp"
#include "control/status.hpp"
#include "ledger/history.hpp"
#include "policy/directory_file.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

Response unavailable(const Fault& fault, const Request& request)
{
    return Response::error(fault.retry() == Retry::later ? 503 : 400, fault.describe(), request.wants_text);
}

// An address belongs to the organisation whose domain it bears; only mailbox members have addresses at the suffix
// itself.
Result<void> belongs(const policy::Snapshot& policy, const vocabulary::DirectoryEntry& entry)
{
    const auto* organisation = policy.organisation(entry.organisation);
    if (!organisation) return fault(Retry::never, fmt::format("there is no organisation \"{}\"", entry.organisation));
    const auto owner = policy.owner_of(entry.address.domain());
    if (owner && owner->organisation == organisation) return {};
    if (owner && !owner->organisation && organisation->kind == vocabulary::Kind::mailbox) return {};
    std::string domains;
    for (const auto& mapped : organisation->domains) domains += (domains.empty() ? "" : ", ") + mapped.domain.text();
    return fault(Retry::never,
                 fmt::format("{} is not in a domain of {} ({})", entry.address.text(), organisation->name, domains));
}

json::value difference_json(const directory::Difference& difference, bool applied)
{
    const auto addresses = [](const auto& entries) {
        json::array all;
        for (const auto& entry : entries) all.emplace_back(entry.address.text());
        return all;
    };
    json::array changed, problems;
    for (const auto& change : difference.changed) {
        json::array fields;
        for (const auto& field : change.fields)
            fields.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
        changed.push_back({{"address", change.entry.address.text()}, {"fields", std::move(fields)}});
    }
    for (const auto& problem : difference.problems)
        problems.push_back({{"line", problem.line}, {"what", problem.what}});
    return {{"applied", applied},
            {"added", addresses(difference.added)},
            {"changed", std::move(changed)},
            {"removed", addresses(difference.removed)},
            {"unchanged", difference.unchanged},
            {"problems", std::move(problems)}};
}

std::string difference_text(const directory::Difference& difference, bool dry_run)
{
    std::string text;
    for (const auto& entry : difference.added)
        text += fmt::format("+ {} ({})\n", entry.address.text(), entry.organisation);
    for (const auto& change : difference.changed)
        for (const auto& field : change.fields)
            text += fmt::format("~ {}: {} \"{}\" becomes \"{}\"\n", change.entry.address.text(), field.field,
                                field.before, field.after);
    for (const auto& entry : difference.removed)
        text += fmt::format("- {} ({})\n", entry.address.text(), entry.organisation);
    for (const auto& problem : difference.problems) text += fmt::format("line {}: {}\n", problem.line, problem.what);
    if (!difference.valid())
        return text + fmt::format("nothing was imported: {} problems\n", difference.problems.size());
    return text + fmt::format("{}: {} added, {} changed, {} removed, {} as they were\n",
                              dry_run ? "would be imported" : "imported", difference.added.size(),
                              difference.changed.size(), difference.removed.size(), difference.unchanged);
}

bool is_true(const Request& request, const char* name)
{
    const auto value = request.query.find(name);
    return value != request.query.end() && value->second != "0" && value->second != "false";
}

}  // namespace

Api::Api(gateway::Services services, gateway::Reload& reload, alert::Engine& alerts, Instant started)
    : services_(services),
      reload_(reload),
      generations_(services, reload),
      quarantine_(services),
      firmware_(services),
      alerts_(alerts, services.generations),
      started_(started)
{
}

Api::Answer Api::handle(Request request)
{
    const auto is = [&request](std::string_view method, std::string_view path) {
        return request.method == method && request.path == path;
    };
    if (is("GET", "/v1/status")) return status(std::move(request));
    if (AlertApi::is_for(request)) return alerts_.handle(std::move(request));
    if (GenerationsApi::knows(request)) return generations_.handle(std::move(request));
    if (QuarantineApi::is_mine(request)) return quarantine_.handle(std::move(request));
    if (FirmwareApi::is_mine(request)) return firmware_.handle(std::move(request));
    if (is("GET", "/v1/trace")) return trace(std::move(request));
    if (is("GET", "/v1/queue")) return queue_list(std::move(request));
    if (is("GET", "/v1/directory/entry")) return directory_entry(std::move(request));
    if (is("POST", "/v1/directory/import")) return import_directory(std::move(request));
    if (is("GET", "/metrics")) return metrics(std::move(request));
    if (request.method == "GET" && request.path.starts_with("/v1/queue/")) return queue_show(std::move(request));
    if (request.method == "POST" && request.path.starts_with("/v1/queue/")) return queue_act(std::move(request));
    return [](Request unknown) -> Answer {
        co_return Response::error(404, fmt::format("there is no {} {}", unknown.method, unknown.path),
                                  unknown.wants_text);
    }(std::move(request));
}

Api::Answer Api::handle_metrics(Request request)
{
    if (request.method == "GET" && request.path == "/metrics") co_return co_await metrics(std::move(request));
    co_return Response::error(404, "only GET /metrics is answered here", true);
}

namespace {

boost::asio::awaitable<StatusFacts> gather(gateway::Services services, gateway::Reload& reload, Instant started)
{
    StatusFacts facts;
    facts.started = started;
    facts.now = services.clock.now();
    facts.reload = reload.last();
    facts.trial = reload.trial();
    auto totals = co_await services.store.totals();
    facts.queue_known = totals.has_value();
    if (totals) facts.queue = std::move(*totals);
    auto counts = co_await services.directory.counts();
    facts.directory_known = counts.has_value();
    if (counts) facts.directory = std::move(*counts);
    co_return facts;
}

}  // namespace

Api::Answer Api::status(Request request)
{
    const auto facts = co_await gather(services_, reload_, started_);
    const auto value = status_json(services_, facts);
    co_return request.wants_text ? Response::text(status_text(value)) : Response::json(value);
}

Api::Answer Api::metrics(Request)
{
    const auto facts = co_await gather(services_, reload_, started_);
    co_return Response{200, "text/plain; version=0.0.4", metrics_text(services_, facts)};
}

Api::Answer Api::trace(Request request)
{
    auto filter = trace_filter(request.query, services_.clock.now());
    if (!filter) co_return Response::error(400, filter.error().describe(), request.wants_text);
    auto traces = co_await services_.store.trace(std::move(*filter));
    if (!traces) co_return unavailable(traces.error(), request);
    if (request.wants_text) {
        std::string text;
        for (const auto& found : *traces) text += (text.empty() ? "" : "\n") + ledger::trace_text(found);
        co_return text.empty() ? Response::error(404, "no message was found", true) : Response::text(std::move(text));
    }
    json::array all;
    for (const auto& found : *traces) all.push_back(ledger::trace_json(found));
    co_return Response::json({{"messages", std::move(all)}});
}

Api::Answer Api::queue_list(Request request)
{
    auto filter = queue_filter(request.query);
    if (!filter) co_return Response::error(400, filter.error().describe(), request.wants_text);
    auto entries = co_await services_.store.list(std::move(*filter));
    if (!entries) co_return unavailable(entries.error(), request);
    if (request.wants_text) {
        std::string text;
        for (const auto& entry : *entries) text += ledger::queue_text(entry);
        co_return Response::text(text.empty() ? "the queue is empty\n" : std::move(text));
    }
    json::array all;
    for (const auto& entry : *entries) all.push_back(ledger::queue_json(entry));
    co_return Response::json({{"deliveries", std::move(all)}});
}

Api::Answer Api::queue_show(Request request)
{
    const std::string id = request.path.substr(std::string_view("/v1/queue/").size());
    store::TraceFilter filter;
    filter.id = id;
    filter.limit = 1;
    auto found = co_await services_.store.trace(std::move(filter));
    if (!found) co_return unavailable(found.error(), request);
    if (found->empty())
        co_return Response::error(404, fmt::format("there is no message {}", printable(id)), request.wants_text);
    co_return request.wants_text ? Response::text(ledger::trace_text(found->front()))
                                 : Response::json(ledger::trace_json(found->front()));
}

Api::Answer Api::queue_act(Request request)
{
    const std::string act = request.path.substr(std::string_view("/v1/queue/").size());
    auto order = queue_order(request.body);
    if (!order) co_return Response::error(400, order.error().describe(), request.wants_text);
    const Instant now = services_.clock.now();
    auto& store = services_.store;
    Result<std::size_t> changed = 0;
    if (act == "retry")
        changed = co_await store.retry(order->filter, now, request.actor);
    else if (act == "hold")
        changed = co_await store.hold(order->filter, order->reason, request.actor);
    else if (act == "release")
        changed = co_await store.release(order->filter, now, request.actor);
    else if (act == "remove")
        changed = co_await store.remove(order->filter, request.actor);
    else if (act == "bounce")
        changed = co_await store.bounce(order->filter, order->reason, request.actor);
    else
        co_return Response::error(404, fmt::format("the queue can't {}", printable(act)), request.wants_text);
    if (!changed) co_return unavailable(changed.error(), request);
    if (act == "retry" || act == "release") services_.schedule.mark_all_up();
    // What waits in memory for its turn would go out as if nothing had been said.
    if (act == "hold" || act == "remove" || act == "bounce") co_await services_.schedule.give_back_waiting();
    services_.schedule.due(now);
    services_.log.info("queue changed by an administrator",
                       {{"act", act}, {"actor", request.actor}, {"count", std::uint64_t{*changed}}});
    if (*changed == 0 && !order->filter.ids.empty())
        co_return Response::error(404,
                                  fmt::format("nothing in the queue matches {}", fmt::join(order->filter.ids, ", ")),
                                  request.wants_text);
    co_return request.wants_text ? Response::text(fmt::format("{}: {} deliveries\n", act, *changed))
                                 : Response::json({{"act", act}, {"deliveries", *changed}});
}

// One entry, for rehearsals that ask the live directory.
Api::Answer Api::directory_entry(Request request)
{
    const auto said = request.query.find("address");
    const auto address = mail::Address::parse(said == request.query.end() ? std::string{} : said->second);
    if (!address) co_return Response::error(400, "say ?address=ADDRESS", request.wants_text);
    auto entry = co_await services_.directory.find(*address);
    if (!entry) co_return unavailable(entry.error(), request);
    if (!*entry)
        co_return Response::error(404, fmt::format("there is no entry for <{}>", printable(address->text())),
                                  request.wants_text);
    const auto& found = **entry;
    json::object object{{"address", found.address.text()},
                        {"organisation", found.organisation},
                        {"kind", std::string(vocabulary::name_of(found.kind))},
                        {"status", std::string(vocabulary::name_of(found.status))}};
    if (!found.function.empty()) object["function"] = found.function;
    if (!found.moved_to.empty()) object["moved_to"] = found.moved_to;
    co_return Response::json(std::move(object));
}

Api::Answer Api::import_directory(Request request)
{
    const bool dry_run = is_true(request, "dry_run");
    const auto name = request.query.contains("name") ? request.query["name"] : std::string("directory.yaml");
    auto file = policy::parse_directory_file(request.body, name);
    if (policy::has_errors(file.diagnostics)) {
        if (request.wants_text) co_return Response::text(policy::render(file.diagnostics, ""), 400);
        co_return Response::json(
            {{"applied", false}, {"diagnostics", json::parse(policy::render_json(file.diagnostics))}}, 400);
    }
    const auto policy = services_.generations.current()->policy;
    directory::EntryCheck check = [policy](const vocabulary::DirectoryEntry& entry) { return belongs(*policy, entry); };
    // Two statements: g++ 12 destroys the arguments of a co_await inside ?: twice.
    Result<directory::Difference> difference = directory::Difference{};
    if (dry_run)
        difference = co_await services_.directory.plan(std::move(file.document), check);
    else
        difference =
            co_await services_.directory.apply(std::move(file.document), check, request.actor, services_.clock.now());
    if (!difference) co_return unavailable(difference.error(), request);
    const unsigned code = difference->valid() ? 200 : 400;
    services_.log.info(
        "directory import",
        {{"actor", request.actor},
         {"dry_run", dry_run},
         {"outcome", difference->valid() ? "valid" : "refused"},
         {"count", std::uint64_t{difference->added.size() + difference->changed.size() + difference->removed.size()}}});
    co_return request.wants_text ? Response::text(difference_text(*difference, dry_run), code)
                                 : Response::json(difference_json(*difference, difference->valid() && !dry_run), code);
}

}  // namespace postern::control
