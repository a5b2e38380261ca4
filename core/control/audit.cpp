#include "control/audit.hpp"

#include "base/text.hpp"
#include "control/json_body.hpp"
#include "control/queries.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <charconv>

namespace postern::control {

namespace json = boost::json;

namespace {

using directory::AuditFilter;
using directory::AuditRecord;
using vocabulary::Act;

Result<AuditFilter> filter_of(const Request& request, Instant now)
{
    AuditFilter filter;
    filter.actor = parameter(request, "actor");
    filter.act = parameter(request, "act");
    filter.target = parameter(request, "target");
    filter.organisation = parameter(request, "organisation");
    filter.outcome = parameter(request, "outcome");
    for (const auto& [name, to] : {std::pair{"since", &filter.since}, std::pair{"until", &filter.until}}) {
        const auto said = parameter(request, name);
        if (said.empty()) continue;
        auto trace = trace_filter({{"since", said}}, now);
        if (!trace) return std::unexpected(trace.error());
        *to = trace->since;
    }
    if (const auto limit = parameter(request, "limit"); !limit.empty()) {
        constexpr std::size_t most = 10'000;
        const auto [end, failed] = std::from_chars(limit.data(), limit.data() + limit.size(), filter.limit);
        if (failed != std::errc{} || end != limit.data() + limit.size() || filter.limit > most)
            return fault(Retry::never, "limit is a number up to 10000");
    }
    return filter;
}

std::string record_text(const AuditRecord& record)
{
    return fmt::format("{:>6}  {}  {}  {} {}{}{}{}\n", record.number, to_iso8601(record.at), record.outcome,
                       record.actor, record.act, record.target.empty() ? "" : " " + printable(record.target),
                       record.detail.empty() ? "" : "  ", printable(record.detail, 300));
}

}  // namespace

bool AuditApi::is_mine(const Request& request)
{
    return request.path == "/v1/may" || request.path == "/v1/audit" || request.path.starts_with("/v1/audit/");
}

AuditApi::Answer AuditApi::handle(Request request)
{
    if (request.method == "GET" && request.path == "/v1/audit") co_return co_await search(std::move(request));
    if (request.method == "GET" && request.path == "/v1/audit/export")
        co_return co_await export_all(std::move(request));
    if (request.method == "GET" && request.path == "/v1/audit/head") co_return co_await show_head(std::move(request));
    if (request.path == "/v1/audit/retention") co_return co_await retention(std::move(request));
    if (request.method == "GET" && request.path == "/v1/may") co_return co_await may(std::move(request));
    if (request.method == "GET" && request.path == "/v1/audit/key") {
        if (request.wants_text) co_return Response::text(key_.public_key());
        co_return Response::json({{"public_key", key_.public_key()}});
    }
    co_return Response::error(404, fmt::format("there is no {} {}", request.method, printable(request.path)),
                              request.wants_text);
}

AuditApi::Answer AuditApi::search(Request request)
{
    auto filter = filter_of(request, services_.clock.now());
    if (!filter) co_return denied(filter.error(), request);
    auto found = co_await services_.directory.administration().search(std::move(*filter));
    if (!found) co_return denied(found.error(), request);
    if (request.wants_text) {
        std::string text;
        for (const auto& record : *found) text += record_text(record);
        co_return Response::text(text.empty() ? "nothing is on record\n" : std::move(text));
    }
    json::array records;
    for (const auto& record : *found) records.push_back(json::parse(directory::print_record(record)));
    co_return Response::json({{"records", std::move(records)}});
}

AuditApi::Answer AuditApi::export_all(Request request)
{
    const auto node = services_.generations.current()->policy->node().name;
    auto text = co_await services_.directory.administration().export_all(node);
    if (!text) co_return denied(text.error(), request);
    co_return Response{200, "application/x-ndjson", std::move(*text)};
}

boost::asio::awaitable<Result<directory::AuditHead>> AuditApi::head()
{
    auto last = co_await services_.directory.administration().last_record();
    if (!last) co_return std::unexpected(last.error());
    co_return key_.sign(services_.generations.current()->policy->node().name, *last, services_.clock.now());
}

AuditApi::Answer AuditApi::show_head(Request request)
{
    auto signed_head = co_await head();
    if (!signed_head) co_return denied(signed_head.error(), request);
    services_.log.info("audit head", {{"head", signed_head->line()}});
    if (request.wants_text) co_return Response::text(signed_head->line() + "\n");
    co_return Response::json({{"head", signed_head->line()}, {"number", signed_head->number}});
}

AuditApi::Answer AuditApi::retention(Request request)
{
    const auto keep = services_.generations.current()->policy->audit().keep;
    const Instant now = services_.clock.now();
    std::size_t gone = 0;
    if (request.method == "POST") {
        auto purged = co_await purge_audit(services_, request.caller.name);
        if (!purged) co_return denied(purged.error(), request);
        gone = *purged;
    }
    std::optional<Instant> until;
    if (keep) until = now - *keep;
    auto age = co_await services_.directory.administration().audit_age(until);
    if (!age) co_return denied(age.error(), request);
    json::object object{{"records", age->records}, {"over", age->over}};
    if (keep) object["keep"] = vocabulary::print_duration(*keep);
    if (age->oldest) object["oldest"] = to_iso8601(*age->oldest);
    if (request.method == "POST") object["deleted"] = gone;
    if (!request.wants_text) co_return Response::json(std::move(object));
    std::string text = keep ? fmt::format("records are kept for {}, and deleted by themselves every hour\n",
                                          vocabulary::print_duration(*keep))
                            : std::string("records are kept for ever; permissions.yaml: audit: { keep: 395 days }\n");
    text += fmt::format("{} records", age->records);
    if (age->oldest) text += fmt::format(", the oldest of {}", to_iso8601(*age->oldest));
    text += fmt::format("; {} are over\n", age->over);
    if (request.method == "POST") text += fmt::format("{} were deleted\n", gone);
    co_return Response::text(std::move(text));
}

// Everybody may ask about themselves; about others, who sees the policy.
AuditApi::Answer AuditApi::may(Request request)
{
    const auto act = vocabulary::act_named(parameter(request, "what"));
    if (!act) {
        std::vector<std::string> names;
        for (const auto& one : vocabulary::acts()) names.emplace_back(one.name);
        const auto near = nearest(parameter(request, "what"), names);
        co_return Response::error(400,
                                  fmt::format("there is no act \"{}\"{}", printable(parameter(request, "what"), 60),
                                              near.empty() ? fmt::format("; acts are {}", fmt::join(names, ", "))
                                                           : fmt::format("; did you mean \"{}\"?", near)),
                                  request.wants_text);
    }
    policy::Caller who;
    const auto said = parameter(request, "who");
    const auto snapshot = services_.generations.current()->policy;
    if (const auto address = mail::Address::parse(said)) {
        const auto own = permits_.own_form(*address);
        auto found = co_await permits_.person(own);
        if (!found) co_return denied(found.error(), request);
        who = std::move(*found);
    } else {
        who.name = said;
        who.roles = snapshot->powers().roles_of_name(said, said == "root");
    }
    const bool self = said == request.actor || (!who.key.empty() && who.key == request.caller.key);
    if (!self) {
        auto permitted = co_await permits_.require(request, Act::see_policy);
        if (!permitted) co_return denied(permitted.error(), request);
    }
    auto whom = co_await permits_.subject(parameter(request, "whom"));
    if (!whom) co_return denied(whom.error(), request);
    const auto decision = snapshot->powers().may(who, *act, *whom, true);
    const unsigned code = 200;
    if (request.wants_text) {
        std::string text = fmt::format("{}: {}{}\n", decision.allowed ? "yes" : "no", decision.reason,
                                       decision.rule.empty() ? "" : fmt::format(" ({})", decision.rule));
        for (const auto& line : decision.looked) text += "  " + line + "\n";
        co_return Response::text(std::move(text), code);
    }
    json::array looked;
    for (const auto& line : decision.looked) looked.emplace_back(line);
    co_return Response::json({{"allowed", decision.allowed},
                              {"rule", decision.rule},
                              {"reason", decision.reason},
                              {"looked", std::move(looked)}},
                             code);
}

boost::asio::awaitable<Result<std::size_t>> purge_audit(gateway::Services services, std::string actor)
{
    const auto keep = services.generations.current()->policy->audit().keep;
    if (!keep) co_return std::size_t{0};
    const Instant now = services.clock.now();
    auto& administration = services.directory.administration();
    auto gone = co_await administration.purge(now - *keep);
    if (!gone || *gone == 0) co_return gone;
    directory::AuditRecord record;
    record.at = now;
    record.actor = std::move(actor);
    record.act = "audit_retention";
    record.outcome = "done";
    record.detail = fmt::format("{} records from before {}", *gone, to_iso8601(now - *keep));
    auto noted = co_await administration.note(std::move(record));
    if (!noted) co_return std::unexpected(noted.error());
    co_return gone;
}

}  // namespace postern::control
