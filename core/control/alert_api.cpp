#include "control/alert_api.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <ctime>

namespace postern::control {

namespace json = boost::json;

namespace {

constexpr std::size_t usual_limit = 100;

Response refused(const Fault& fault, const Request& request)
{
    return Response::error(fault.retry() == Retry::later ? 503 : 400, fault.describe(), request.wants_text);
}

json::value moment(const std::optional<Instant>& at)
{
    return at ? json::value(to_iso8601(*at)) : json::value(nullptr);
}

std::string_view standing_of(const store::AlertRecord& alert)
{
    if (alert.acknowledged) return "acknowledged";
    if (alert.cleared) return "cleared";
    return alert.escalated ? "escalated" : "open";
}

json::object alert_json(const store::AlertRecord& alert)
{
    const auto& event = vocabulary::info(alert.event);
    json::object fields;
    for (const auto& [name, value] : alert.fields) fields[name] = value;
    return {{"id", alert.id},
            {"state", standing_of(alert)},
            {"rule", alert.rule},
            {"event", event.name},
            {"severity", vocabulary::name_of(event.severity)},
            {"time", to_iso8601(alert.at)},
            {"object", alert.object},
            {"text", alert.text},
            {"fields", std::move(fields)},
            {"suppressed", alert.suppressed},
            {"left_out", alert.left_out},
            {"cleared", moment(alert.cleared)},
            {"acknowledged", moment(alert.acknowledged)},
            {"acknowledged_by", alert.acknowledged_by},
            {"comment", alert.comment},
            {"escalates", moment(alert.escalates)},
            {"escalated", moment(alert.escalated)},
            {"generation", alert.generation}};
}

std::string_view name_of(store::SendState state)
{
    switch (state) {
        case store::SendState::waiting:
            return "waiting";
        case store::SendState::sent:
            return "sent";
        case store::SendState::failed:
            break;
    }
    return "failed";
}

json::object send_json(const store::AlertSend& send)
{
    return {{"by", vocabulary::name_of(send.channel)},
            {"to", send.target},
            {"secure", send.secure},
            {"escalation", send.escalation},
            {"state", name_of(send.state)},
            {"attempts", send.attempts},
            {"due", to_iso8601(send.due)},
            {"note", send.note}};
}

std::string alert_line(const store::AlertRecord& alert)
{
    const auto& event = vocabulary::info(alert.event);
    return fmt::format("{}  {}  {:<12} {:<8} {} ({}): {}{}\n", alert.id, to_iso8601(alert.at).substr(0, 19) + "Z",
                       standing_of(alert), vocabulary::name_of(event.severity), event.name, alert.rule,
                       printable(alert.text, 200),
                       alert.left_out > 0 ? fmt::format(" [{} more left out]", alert.left_out) : "");
}

std::string alert_text(const store::AlertWithSends& found)
{
    const auto& alert = found.alert;
    std::string text = alert_line(alert);
    for (const auto& [name, value] : alert.fields) text += fmt::format("  {}: {}\n", name, printable(value, 300));
    if (alert.suppressed > 0) text += fmt::format("  {} of its group were left out before\n", alert.suppressed);
    if (alert.cleared) text += fmt::format("  the condition ended at {}\n", to_iso8601(*alert.cleared));
    if (alert.acknowledged)
        text += fmt::format("  acknowledged at {} by {}{}\n", to_iso8601(*alert.acknowledged), alert.acknowledged_by,
                            alert.comment.empty() ? "" : ": " + printable(alert.comment, 300));
    if (alert.escalated)
        text += fmt::format("  escalated at {}\n", to_iso8601(*alert.escalated));
    else if (alert.escalates && !alert.acknowledged && !alert.cleared)
        text += fmt::format("  escalates at {} unless acknowledged\n", to_iso8601(*alert.escalates));
    for (const auto& send : found.sends)
        text += fmt::format("  {} to {}{}: {}{}{}\n", vocabulary::name_of(send.channel), send.target,
                            send.secure ? "" : " (outside: without content)", name_of(send.state),
                            send.escalation ? ", escalation" : "",
                            send.note.empty() ? std::string{}
                            : send.channel == vocabulary::AlertChannel::mail && send.state == store::SendState::sent
                                ? " as message " + send.note
                                : fmt::format(", after {} attempts: {}", send.attempts, send.note));
    return text;
}

/// The members of a JSON object that are text, and lists of texts; a fault for anything else.
struct Body {
    std::map<std::string, std::string> texts;
    std::map<std::string, std::vector<std::string>> lists;

    [[nodiscard]] std::string text(const std::string& name) const
    {
        const auto found = texts.find(name);
        return found == texts.end() ? std::string{} : found->second;
    }
};

Result<Body> read_body(const std::string& bytes, std::initializer_list<std::string_view> known)
{
    boost::system::error_code failed;
    const auto value = json::parse(bytes, failed);
    if (failed || !value.is_object()) return fault(Retry::never, "the body must be a JSON object");
    Body body;
    for (const auto& [key, member] : value.get_object()) {
        const std::string name(key);
        if (std::ranges::find(known, name) == known.end())
            return fault(Retry::never,
                         fmt::format("unknown member \"{}\"; known are {}", name, fmt::join(known, ", ")));
        if (member.is_string()) {
            body.texts[name] = member.get_string();
        } else if (member.is_array()) {
            for (const auto& item : member.get_array()) {
                if (!item.is_string()) return fault(Retry::never, fmt::format("\"{}\" must be a list of texts", name));
                body.lists[name].emplace_back(item.get_string());
            }
        } else {
            return fault(Retry::never, fmt::format("\"{}\" must be text", name));
        }
    }
    return body;
}

Result<Instant> parse_moment(const std::string& name, const std::string& text)
{
    std::tm parts{};
    const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M", &parts);
    if (rest == nullptr || std::string_view(rest) != "Z")
        return fault(Retry::never, fmt::format("{} must be a time in UTC such as 2026-12-01T06:00:00Z, not \"{}\"",
                                               name, printable(text, 60)));
    return Instant(std::chrono::sys_seconds{std::chrono::seconds{timegm(&parts)}});
}

/// "7d,1d,1h", longest first.
Result<std::vector<Duration>> parse_steps(const std::string& text)
{
    std::vector<Duration> steps;
    for (std::size_t at = 0; at <= text.size();) {
        const auto comma = std::min(text.find(',', at), text.size());
        const auto step = vocabulary::parse_duration(trim(std::string_view(text).substr(at, comma - at)));
        if (!step) return std::unexpected(step.error());
        steps.push_back(*step);
        at = comma + 1;
    }
    std::ranges::sort(steps, std::greater{});
    return steps;
}

Result<vocabulary::MaintenanceWindow> window_of(const Body& body, const vocabulary::AlertPolicy& policy)
{
    vocabulary::MaintenanceWindow window;
    auto from = parse_moment("from", body.text("from"));
    if (!from) return std::unexpected(from.error());
    auto to = parse_moment("to", body.text("to"));
    if (!to) return std::unexpected(to.error());
    window.from = *from;
    window.to = *to;
    window.text = body.text("text");
    if (trim(window.text).empty()) return fault(Retry::never, "text is missing: what people are told");
    window.at_before = policy.at_before;
    if (const auto steps = body.text("at_before"); !steps.empty()) {
        auto parsed = parse_steps(steps);
        if (!parsed) return std::unexpected(parsed.error());
        window.at_before = std::move(*parsed);
    }
    const auto intake = body.text("intake");
    window.intake = policy.intake;
    if (intake == "defer") window.intake = vocabulary::WindowIntake::defer;
    if (intake == "carry_on") window.intake = vocabulary::WindowIntake::carry_on;
    if (!intake.empty() && intake != "defer" && intake != "carry_on")
        return fault(Retry::never, fmt::format("intake is carry_on or defer, not \"{}\"", printable(intake, 40)));
    return window;
}

std::string steps_text(const std::vector<Duration>& steps)
{
    std::string text;
    for (const auto step : steps) text += (text.empty() ? "" : ", ") + vocabulary::print_duration(step);
    return text;
}

std::string_view state_of(const store::MaintenanceRecord& record, Instant now)
{
    if (record.cancelled) return "cancelled";
    if (now >= record.window.to) return "over";
    return now >= record.window.from ? "now" : "planned";
}

}  // namespace

bool AlertApi::is_for(const Request& request)
{
    return request.path == "/v1/alerts" || request.path.starts_with("/v1/alerts/") ||
           request.path == "/v1/maintenance" || request.path.starts_with("/v1/maintenance/");
}

AlertApi::Answer AlertApi::handle(Request request)
{
    const auto is = [&request](std::string_view method, std::string_view path) {
        return request.method == method && request.path == path;
    };
    if (is("GET", "/v1/alerts")) return list(std::move(request));
    if (is("POST", "/v1/alerts/test")) return test(std::move(request));
    if (is("POST", "/v1/alerts/acknowledge")) return acknowledge(std::move(request));
    if (is("GET", "/v1/maintenance")) return windows(std::move(request));
    if (is("POST", "/v1/maintenance")) return announce(std::move(request));
    if (is("POST", "/v1/maintenance/cancel")) return cancel(std::move(request));
    if (request.method == "GET" && request.path.starts_with("/v1/alerts/")) return show(std::move(request));
    return [](Request unknown) -> Answer {
        co_return Response::error(404, fmt::format("there is no {} {}", unknown.method, unknown.path),
                                  unknown.wants_text);
    }(std::move(request));
}

AlertApi::Answer AlertApi::list(Request request)
{
    std::size_t limit = usual_limit;
    if (const auto given = request.query.find("limit"); given != request.query.end()) {
        const auto& text = given->second;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
        if (error != std::errc{} || end != text.data() + text.size() || limit == 0)
            co_return Response::error(400, "limit must be a whole number from 1", request.wants_text);
    }
    const auto asked = request.query.find("open");
    const bool open = asked != request.query.end() && asked->second != "false" && asked->second != "0";
    const auto alerts = co_await engine_.list().list(open, limit);
    if (!alerts) co_return refused(alerts.error(), request);
    if (request.wants_text) {
        std::string text;
        for (const auto& alert : *alerts) text += alert_line(alert);
        co_return Response::text(!text.empty() ? std::move(text) : open ? "no open alerts\n" : "no alerts\n");
    }
    json::array all;
    for (const auto& alert : *alerts) all.push_back(alert_json(alert));
    co_return Response::json({{"alerts", std::move(all)}});
}

AlertApi::Answer AlertApi::show(Request request)
{
    const auto id = request.path.substr(std::string_view("/v1/alerts/").size());
    const auto found = co_await engine_.list().find(id);
    if (!found) co_return refused(found.error(), request);
    if (!*found)
        co_return Response::error(404, fmt::format("there is no alert {}", printable(id, 60)), request.wants_text);
    if (request.wants_text) co_return Response::text(alert_text(**found));
    auto value = alert_json((*found)->alert);
    json::array sends;
    for (const auto& send : (*found)->sends) sends.push_back(send_json(send));
    value["sends"] = std::move(sends);
    co_return Response::json(value);
}

AlertApi::Answer AlertApi::test(Request request)
{
    auto body = read_body(request.body, {"rule", "to"});
    if (!body) co_return refused(body.error(), request);
    auto to = body->lists["to"];
    auto id = co_await engine_.test(body->text("rule"), std::move(to), request.actor);
    if (!id) co_return refused(id.error(), request);
    co_return request.wants_text ? Response::text(fmt::format("alert {} is on its way; `postern alert show {}` says "
                                                              "what became of it\n",
                                                              *id, *id))
                                 : Response::json({{"id", *id}});
}

AlertApi::Answer AlertApi::acknowledge(Request request)
{
    using Acknowledged = store::AlertStore::Acknowledged;
    const auto body = read_body(request.body, {"id", "comment"});
    if (!body) co_return refused(body.error(), request);
    const auto id = body->text("id");
    const auto done = co_await engine_.acknowledge(id, request.actor, printable(body->text("comment"), 500));
    if (!done) co_return refused(done.error(), request);
    if (*done == Acknowledged::unknown)
        co_return Response::error(404, fmt::format("there is no alert {}", printable(id, 60)), request.wants_text);
    const bool now = *done == Acknowledged::now;
    co_return request.wants_text
        ? Response::text(fmt::format("alert {} {}\n", id, now ? "is acknowledged" : "was acknowledged before"))
        : Response::json({{"id", id}, {"acknowledged", now ? "now" : "before"}});
}

AlertApi::Answer AlertApi::windows(Request request)
{
    const auto windows = co_await engine_.list().windows();
    if (!windows) co_return refused(windows.error(), request);
    const auto now = SystemClock().now();
    std::string text;
    json::array all;
    for (const auto& record : *windows) {
        const auto& window = record.window;
        text += fmt::format("{}  {} to {}  {:<9} {}; told {} before, {} mails so far: {}\n", record.id,
                            to_iso8601(window.from).substr(0, 16) + "Z", to_iso8601(window.to).substr(0, 16) + "Z",
                            state_of(record, now), vocabulary::name_of(window.intake), steps_text(window.at_before),
                            record.told, printable(window.text, 200));
        json::array steps;
        for (const auto step : window.at_before) steps.emplace_back(vocabulary::print_duration(step));
        all.push_back({{"id", record.id},
                       {"state", state_of(record, now)},
                       {"from", to_iso8601(window.from)},
                       {"to", to_iso8601(window.to)},
                       {"text", window.text},
                       {"at_before", std::move(steps)},
                       {"intake", vocabulary::name_of(window.intake)},
                       {"by", record.by},
                       {"announced", to_iso8601(record.announced)},
                       {"cancelled", moment(record.cancelled)},
                       {"cancelled_by", record.cancelled_by},
                       {"told", record.told}});
    }
    co_return request.wants_text ? Response::text(text.empty() ? "no maintenance is planned\n" : std::move(text))
                                 : Response::json({{"windows", std::move(all)}});
}

AlertApi::Answer AlertApi::announce(Request request)
{
    const auto body = read_body(request.body, {"from", "to", "text", "at_before", "intake"});
    if (!body) co_return refused(body.error(), request);
    const auto generation = generations_.current();
    auto window = window_of(*body, generation->policy->alerts());
    if (!window) co_return refused(window.error(), request);
    const auto steps = steps_text(window->at_before);
    const auto id = co_await engine_.announce(std::move(*window), request.actor);
    if (!id) co_return refused(id.error(), request);
    co_return request.wants_text
        ? Response::text(fmt::format("maintenance {} is planned; members' people are told {} before\n", *id, steps))
        : Response::json({{"id", *id}});
}

AlertApi::Answer AlertApi::cancel(Request request)
{
    const auto body = read_body(request.body, {"id"});
    if (!body) co_return refused(body.error(), request);
    const auto id = body->text("id");
    const auto cancelled = co_await engine_.cancel(id, request.actor);
    if (!cancelled) co_return refused(cancelled.error(), request);
    if (!*cancelled)
        co_return Response::error(404, fmt::format("there is no planned maintenance {}", printable(id, 60)),
                                  request.wants_text);
    co_return request.wants_text ? Response::text(fmt::format("maintenance {} is cancelled\n", id))
                                 : Response::json({{"id", id}, {"cancelled", true}});
}

}  // namespace postern::control
