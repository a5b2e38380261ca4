#include "control/quarantine.hpp"

#include "base/text.hpp"
#include "control/queries.hpp"
#include "ledger/history.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

constexpr std::string_view path = "/v1/quarantine";

/// {"reason": "..."}; empty where there is no body.
Result<std::string> reason_in(const std::string& body)
{
    if (trim(body).empty()) return std::string{};
    boost::system::error_code malformed;
    const auto value = json::parse(body, malformed);
    if (malformed || !value.is_object()) return fault(Retry::never, "the body must be a JSON object");
    const auto* reason = value.get_object().if_contains("reason");
    if (reason == nullptr) return std::string{};
    if (!reason->is_string()) return fault(Retry::never, "\"reason\" must be text");
    return printable(std::string_view(reason->get_string()), 500);
}

Response refused(const Fault& fault, const Request& request, unsigned code)
{
    return Response::error(fault.retry() == Retry::later ? 503 : code, fault.describe(), request.wants_text);
}

std::string show_text(const gateway::QuarantinedMail& mail)
{
    std::string text;
    for (const auto& entry : mail.entries) text += ledger::queue_text(entry);
    text += "  header\n";
    for (const auto& [name, value] : mail.header) text += fmt::format("    {}: {}\n", name, value);
    if (!mail.attachments.empty()) text += "  attachments\n";
    for (const auto& attachment : mail.attachments)
        text +=
            fmt::format("    {}  {}, {} bytes, sha256 {}\n", attachment.name.empty() ? "(no name)" : attachment.name,
                        attachment.type, attachment.size, attachment.sha256);
    for (const auto& event : mail.asked)
        text += fmt::format("  release asked for at {} by {}{}\n", to_iso8601(event.at), event.actor,
                            event.reply.empty() ? "" : ": " + printable(event.reply, 500));
    return text;
}

json::value show_json(const gateway::QuarantinedMail& mail)
{
    json::array deliveries, attachments, asked;
    for (const auto& entry : mail.entries) deliveries.push_back(ledger::queue_json(entry));
    for (const auto& attachment : mail.attachments)
        attachments.push_back({{"name", attachment.name},
                               {"type", attachment.type},
                               {"size", attachment.size},
                               {"sha256", attachment.sha256}});
    for (const auto& event : mail.asked)
        asked.push_back({{"time", to_iso8601(event.at)}, {"actor", event.actor}, {"reason", event.reply}});
    json::object header;
    for (const auto& [name, value] : mail.header) header[name] = value;
    return {{"deliveries", std::move(deliveries)},
            {"header", std::move(header)},
            {"attachments", std::move(attachments)},
            {"release_asked", std::move(asked)}};
}

}  // namespace

bool QuarantineApi::is_mine(const Request& request)
{
    return request.path == path || request.path.starts_with("/v1/quarantine/");
}

QuarantineApi::Answer QuarantineApi::handle(Request request)
{
    if (request.method == "GET" && request.path == path) co_return co_await list(std::move(request));
    std::string id = request.path.size() > path.size() ? request.path.substr(path.size() + 1) : std::string{};
    std::string act;
    if (const auto slash = id.find('/'); slash != std::string::npos) {
        act = id.substr(slash + 1);
        id.resize(slash);
    }
    if (request.method == "GET" && act.empty()) co_return co_await show(std::move(request), std::move(id));
    if (request.method == "POST" && act == "release") co_return co_await release(std::move(request), std::move(id));
    if (request.method == "POST" && act == "delete") co_return co_await discard(std::move(request), std::move(id));
    co_return Response::error(404, fmt::format("there is no {} {}", request.method, printable(request.path)),
                              request.wants_text);
}

QuarantineApi::Answer QuarantineApi::list(Request request)
{
    auto filter = queue_filter(request.query);
    if (!filter) co_return refused(filter.error(), request, 400);
    filter->quarantined = true;
    auto entries = co_await services_.store.list(std::move(*filter));
    if (!entries) co_return refused(entries.error(), request, 400);
    if (request.wants_text) {
        std::string text;
        for (const auto& entry : *entries) text += ledger::queue_text(entry);
        co_return Response::text(text.empty() ? "the quarantine is empty\n" : std::move(text));
    }
    json::array all;
    for (const auto& entry : *entries) all.push_back(ledger::queue_json(entry));
    co_return Response::json({{"deliveries", std::move(all)}});
}

QuarantineApi::Answer QuarantineApi::show(Request request, std::string id)
{
    auto mail = co_await quarantine_.show(std::move(id));
    if (!mail) co_return refused(mail.error(), request, 404);
    co_return request.wants_text ? Response::text(show_text(*mail)) : Response::json(show_json(*mail));
}

QuarantineApi::Answer QuarantineApi::release(Request request, std::string id)
{
    auto reason = reason_in(request.body);
    if (!reason) co_return refused(reason.error(), request, 400);
    auto released = co_await quarantine_.release(id, std::move(*reason), request.actor, request.counts_as);
    if (!released) co_return refused(released.error(), request, 409);
    using What = gateway::Released::What;
    if (released->what == What::asked) {
        if (request.wants_text)
            co_return Response::text(
                "release asked for: a second person must release it too, who is neither sender nor recipient\n", 202);
        co_return Response::json({{"released", 0}, {"asked", true}}, 202);
    }
    if (released->what == What::nothing_there) {
        if (request.wants_text)
            co_return Response::text(
                fmt::format("nothing of {} is in quarantine any more; postern trace {} says why\n", id, id));
        co_return Response::json({{"released", 0}, {"asked", false}});
    }
    std::string text;
    json::array recipients;
    std::size_t gone = 0, undecided = 0, kept = 0;
    for (const auto& one : released->recipients) {
        text += fmt::format("{}: {}{}\n", one.address, one.outcome, one.reason.empty() ? "" : ": " + one.reason);
        recipients.push_back({{"address", one.address}, {"outcome", one.outcome}, {"reason", one.reason}});
        if (one.outcome == "can't be decided now") ++undecided;
        if (one.outcome == "still in quarantine") ++kept;
        if (one.outcome == "goes on" || one.outcome == "held" || one.outcome == "refused") ++gone;
    }
    const unsigned code = gone > 0 ? 200 : undecided > 0 ? 503 : kept > 0 ? 409 : 200;
    if (request.wants_text) co_return Response::text(std::move(text), code);
    co_return Response::json({{"released", gone}, {"asked", false}, {"recipients", std::move(recipients)}}, code);
}

QuarantineApi::Answer QuarantineApi::discard(Request request, std::string id)
{
    auto reason = reason_in(request.body);
    if (!reason) co_return refused(reason.error(), request, 400);
    auto deleted = co_await quarantine_.discard(id, std::move(*reason), request.actor);
    if (!deleted) co_return refused(deleted.error(), request, 404);
    if (request.wants_text)
        co_return Response::text(fmt::format("deleted for {} recipients; the sender is told\n", *deleted));
    co_return Response::json({{"deleted", *deleted}});
}

}  // namespace postern::control
