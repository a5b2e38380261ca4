#include "control/api.hpp"

#include "base/glob.hpp"
#include "base/text.hpp"
#include "control/queries.hpp"
#include "control/status.hpp"
#include "control/upkeep.hpp"
#include "gateway/health.hpp"
#include "ledger/history.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

Response unavailable(const Fault& fault, const Request& request)
{
    return Response::error(fault.retry() == Retry::later ? 503 : 400, fault.describe(), request.wants_text);
}

/// Whether the caller may see what became of mail that this address sent or got.
bool may_see_mail_of(const Permits& permits, const Request& request, const std::string& address,
                     const std::string& organisation)
{
    auto subject = permits.organisation_subject(organisation);
    if (const auto parsed = mail::Address::parse(address)) subject.key = permits.own_form(*parsed).key();
    return !subject.organisations.empty() && permits.may(request, vocabulary::Act::see_messages, subject);
}

/// Leaves of a trace what the caller may see: all of what they, or their organisation, sent; of other mail the
/// recipients that are theirs, since others may have been named in secret, or be members of the same list. `to`: the
/// recipient that was looked for, which must be among those: else finding the message would tell of it. False: nothing.
bool leave_own(const Permits& permits, const Request& request, const std::string& to, store::Trace& trace)
{
    if (may_see_mail_of(permits, request, trace.message.sender, trace.message.organisation)) return true;
    std::erase_if(trace.recipients, [&](const store::RecipientRecord& recipient) {
        return !may_see_mail_of(permits, request, recipient.address, recipient.organisation);
    });
    std::erase_if(trace.events, [&](const store::Event& event) {
        return !event.recipient.empty() &&
               std::ranges::find(trace.recipients, event.recipient, &store::RecipientRecord::address) ==
                   trace.recipients.end();
    });
    return std::ranges::any_of(trace.recipients, [&](const store::RecipientRecord& recipient) {
        return to.empty() || glob_matches(to, recipient.address);
    });
}

/// Whose messages a caller who may not see all may see: their own, and those of organisations that they look after.
void restrict_to_own(const Permits& permits, const policy::Snapshot& policy, const Request& request,
                     store::TraceFilter& filter)
{
    const auto& caller = request.caller;
    const auto* home = policy.organisation(caller.organisation);
    if (const auto own = mail::Address::parse(caller.key); own && home != nullptr)
        if (const auto inside = transform::inside(*own, *home)) filter.party = inside->text();
    const auto is_plain = [](const policy::HeldRole& held) { return held.role == vocabulary::Role::user; };
    if (std::ranges::all_of(caller.roles, is_plain)) return;
    for (const auto& organisation : policy.organisations())
        if (permits.may(request, vocabulary::Act::see_messages, permits.organisation_subject(organisation.id)))
            filter.organisations.push_back(organisation.id);
}

/// Paths whose handlers ask for the act themselves, since it depends on what the request is about.
bool asks_itself(const Request& request)
{
    return request.path == "/v1/trace" || EntriesApi::is_mine(request) || AuditApi::is_mine(request) ||
           LoginsApi::is_mine(request) || CasesApi::is_mine(request) || PersonApi::is_mine(request) ||
           OrganisationsApi::is_mine(request);
}

/// One of many requests for one act, whose other end is on record.
bool is_part_of_more(const Request& request)
{
    return request.path == "/v1/backup/piece" || request.path.ends_with("/upload");
}

/// For the record: the path, and what stands in a short body.
std::string what_is_asked(const Request& request)
{
    constexpr std::string_view version = "/v1/";
    std::string text = request.path.starts_with(version) ? request.path.substr(version.size()) : request.path;
    const bool secret = request.path == "/v1/backup/restore";  // it holds a key
    if (!secret && !request.body.empty() && request.body.size() <= 300) text += " " + request.body;
    return printable(text, 400);
}

}  // namespace

Api::Api(gateway::Services services, gateway::Reload& reload, alert::Engine& alerts,
         const directory::AuditKey& audit_key, Instant started)
    : services_(services),
      reload_(reload),
      permits_(services),
      generations_(services, reload),
      quarantine_(services),
      firmware_(services),
      backups_(services, audit_key, reload.directory()),
      alerts_(alerts, services.generations),
      entries_(services, permits_),
      feed_(services, permits_),
      audit_(services, permits_, audit_key),
      logins_(services, permits_),
      cases_(services, permits_),
      person_(services, permits_),
      organisations_(services, permits_, generations_),
      started_(started)
{
}

// Who asks, whether they may, what they get, and the record of it: in this order for every request.
Api::Answer Api::handle(Request request)
{
    if (auto known = co_await permits_.identify(request); !known) co_return denied(known.error(), request);
    const auto act = act_of(request);
    if (!act && !asks_itself(request))
        co_return Response::error(404, fmt::format("there is no {} {}", request.method, printable(request.path)),
                                  request.wants_text);
    if (act) {
        auto permitted = co_await permits_.require(request, *act);
        if (!permitted) co_return denied(permitted.error(), request);
    }
    // What is looked at leaves no trace, but for the audit itself and what is about a person's mail.
    const bool kept = act && (vocabulary::info(*act).changes || *act == vocabulary::Act::see_audit) &&
                      request.path != "/v1/directory/import" && !is_part_of_more(request);
    directory::AuditRecord record;
    if (kept) record = permits_.record(request, std::string(vocabulary::info(*act).name), what_is_asked(request));
    auto response = co_await dispatch(std::move(request));
    if (!kept) co_return response;
    record.outcome = response.status < 300 ? "done" : "failed";
    record.detail = response.status < 300 ? std::string{} : printable(response.body, 300);
    const bool done = response.status < 300;
    auto noted = co_await permits_.note(std::move(record));
    if (!noted && done)
        co_return Response::error(503, "it was done, but could not be put on record: " + noted.error().describe());
    co_return response;
}

Api::Answer Api::dispatch(Request request)
{
    const auto is = [&request](std::string_view method, std::string_view path) {
        return request.method == method && request.path == path;
    };
    if (is("GET", "/v1/health")) return health(std::move(request));
    if (is("GET", "/v1/status")) return status(std::move(request));
    if (AlertApi::is_for(request)) return alerts_.handle(std::move(request));
    if (GenerationsApi::knows(request)) return generations_.handle(std::move(request));
    if (QuarantineApi::is_mine(request)) return quarantine_.handle(std::move(request));
    if (BackupsApi::is_mine(request)) return backups_.handle(std::move(request));
    if (FirmwareApi::is_mine(request)) return firmware_.handle(std::move(request));
    if (is("GET", "/v1/trace")) return trace(std::move(request));
    if (is("GET", "/v1/queue")) return queue_list(std::move(request));
    if (FeedApi::is_mine(request)) return feed_.handle(std::move(request));
    if (EntriesApi::is_mine(request)) return entries_.handle(std::move(request));
    if (LoginsApi::is_mine(request)) return logins_.handle(std::move(request));
    if (PersonApi::is_mine(request)) return person_.handle(std::move(request));
    if (CasesApi::is_mine(request)) return cases_.handle(std::move(request));
    if (OrganisationsApi::is_mine(request)) return organisations_.handle(std::move(request));
    if (AuditApi::is_mine(request)) return audit_.handle(std::move(request));
    if (is("GET", "/metrics")) return metrics(std::move(request));
    if (request.method == "GET" && request.path.starts_with("/v1/queue/")) return queue_show(std::move(request));
    if (request.method == "POST" && request.path.starts_with("/v1/queue/")) return queue_act(std::move(request));
    return [](Request unknown) -> Answer {
        co_return Response::error(404, fmt::format("there is no {} {}", unknown.method, unknown.path),
                                  unknown.wants_text);
    }(std::move(request));
}

boost::asio::awaitable<void> Api::keep_house()
{
    return upkeep(services_, audit_);
}

Api::Answer Api::handle_metrics(Request request)
{
    if (request.method == "GET" && request.path == "/metrics") co_return co_await metrics(std::move(request));
    co_return Response::error(404, "only GET /metrics is answered here", true);
}

namespace {

boost::asio::awaitable<StatusFacts> gather(gateway::Services services, gateway::Reload& reload,
                                           const BackupsApi& backups, Instant started)
{
    StatusFacts facts;
    facts.started = started;
    facts.now = services.clock.now();
    facts.reload = reload.last();
    facts.trial = reload.trial();
    facts.backup = backups.state();
    auto totals = co_await services.store.totals();
    facts.queue_known = totals.has_value();
    if (totals) facts.queue = std::move(*totals);
    if (const auto oldest = co_await services.store.oldest_in_ledger()) facts.oldest_in_ledger = *oldest;
    auto counts = co_await services.directory.counts();
    facts.directory_known = counts.has_value();
    if (counts) facts.directory = std::move(*counts);
    co_return facts;
}

}  // namespace

Api::Answer Api::status(Request request)
{
    const auto facts = co_await gather(services_, reload_, backups_, started_);
    const auto value = status_json(services_, facts);
    co_return request.wants_text ? Response::text(status_text(value)) : Response::json(value);
}

// 503 where it is not healthy, so that any client sees it by the code alone.
Api::Answer Api::health(Request request)
{
    Duration patience = std::chrono::seconds{30};
    if (const auto said = request.query.find("patience"); said != request.query.end()) {
        const auto duration = vocabulary::parse_duration(said->second);
        if (!duration || *duration < std::chrono::milliseconds{100} || *duration > std::chrono::minutes{5})
            co_return Response::error(400, "patience is from 100 ms to 5 minutes", request.wants_text);
        patience = *duration;
    }
    const auto health = co_await gateway::check_health(services_, patience);
    const unsigned code = health.good() ? 200 : 503;
    std::string text;
    json::array checks;
    for (const auto& check : health.checks) {
        text += fmt::format("{} {}: {}\n", check.good ? "good" : "BAD ", check.name, check.text);
        checks.push_back({{"check", check.name}, {"good", check.good}, {"text", check.text}});
    }
    text += health.good() ? "healthy\n" : "not healthy\n";
    co_return request.wants_text ? Response::text(std::move(text), code)
                                 : Response::json({{"healthy", health.good()}, {"checks", std::move(checks)}}, code);
}

Api::Answer Api::metrics(Request)
{
    const auto facts = co_await gather(services_, reload_, backups_, started_);
    co_return Response{200, "text/plain; version=0.0.4", metrics_text(services_, facts)};
}

Api::Answer Api::trace(Request request)
{
    auto filter = trace_filter(request.query, services_.clock.now());
    if (!filter) co_return Response::error(400, filter.error().describe(), request.wants_text);
    // Who may not see all messages sees their own, or their organisation's.
    policy::Subject service;
    service.shown = "the service";
    const bool sees_all = permits_.may(request, vocabulary::Act::see_messages, service);
    const std::size_t limit = filter->limit;
    const std::string to = filter->to;
    if (sees_all) {
        // Whose mail was looked at; who names nobody looked at everybody's.
        std::string whose = filter->from.empty() ? filter->to : filter->from;
        auto noted = co_await permits_.note_look(request, "see_messages", std::move(whose), printable(filter->id, 100));
        if (!noted) co_return denied(noted.error(), request);
    } else {
        auto permitted = co_await permits_.require(request, vocabulary::Act::see_messages, request.caller.key);
        if (!permitted) co_return denied(permitted.error(), request);
        restrict_to_own(permits_, *services_.generations.current()->policy, request, *filter);
        filter->limit = std::max<std::size_t>(limit, 1000);  // some may be left out below
    }
    const bool asks_for_one = !filter->id.empty();
    auto traces = co_await services_.store.trace(std::move(*filter));
    if (!traces) co_return unavailable(traces.error(), request);
    if (!sees_all) {
        std::erase_if(*traces, [&](store::Trace& trace) { return !leave_own(permits_, request, to, trace); });
        if (traces->size() > limit) traces->resize(limit);
    }
    // A search that finds nothing is an answer to a program; a message that isn't there is not.
    if (traces->empty() && (request.wants_text || asks_for_one))
        co_return Response::error(404, "no message was found", request.wants_text);
    if (request.wants_text) {
        std::string text;
        for (const auto& found : *traces) text += (text.empty() ? "" : "\n") + ledger::trace_text(found);
        co_return Response::text(std::move(text));
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

}  // namespace postern::control
