#include "control/generations.hpp"

#include "control/file_sets.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <charconv>

namespace postern::control {

namespace json = boost::json;

namespace {

using gateway::PolicyOrder;
using What = PolicyOrder::What;

constexpr std::string_view prefix = "/v1/generations/";
constexpr std::size_t longest_comment = 1000;

struct Path {
    std::string which;  ///< "12"
    std::string what;   ///< "", "files", "rollback"
};

Path split(const std::string& path)
{
    const auto rest = path.substr(prefix.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    return {rest.substr(0, slash), slash < rest.size() ? rest.substr(slash + 1) : ""};
}

std::optional<What> plain_order(const Request& request)
{
    constexpr std::array<std::pair<std::string_view, What>, 5> orders{{{"/v1/reload", What::reload},
                                                                       {"/v1/apply", What::apply},
                                                                       {"/v1/confirm", What::confirm},
                                                                       {"/v1/revert", What::revert},
                                                                       {"/v1/check", What::check}}};
    if (request.method != "POST") return std::nullopt;
    const auto* found = std::ranges::find(orders, request.path, &std::pair<std::string_view, What>::first);
    return found == orders.end() ? std::nullopt : std::optional(found->second);
}

store::Arrival arrival_of(What what)
{
    if (what == What::apply) return store::Arrival::apply;
    return what == What::rollback ? store::Arrival::rollback : store::Arrival::reload;
}

Result<void> take(PolicyOrder& order, std::string_view key, const json::value& value)
{
    if (key == "overwrite" && value.is_bool()) {
        order.overwrite = value.get_bool();
    } else if (key == "base" && (value.is_uint64() || (value.is_int64() && value.get_int64() > 0))) {
        order.base = value.to_number<std::uint64_t>();
    } else if (key == "comment" && value.is_string()) {
        order.comment = value.get_string();
        if (order.comment.size() > longest_comment) return fault(Retry::never, "a comment has at most 1000 bytes");
        if (std::ranges::any_of(order.comment, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
            return fault(Retry::never, "a comment is one line of plain text");
    } else if (key == "try" && value.is_string()) {
        const auto lasts = vocabulary::parse_duration(value.get_string());
        if (!lasts) return std::unexpected(lasts.error());
        order.trial = *lasts;
    } else if (key == "lift" && value.is_array()) {
        for (const auto& one : value.get_array()) {
            if (!one.is_string()) return fault(Retry::never, "\"lift\" is a list of organisations' ids");
            order.lifts.emplace_back(one.get_string());
        }
    } else if (key == "files") {
        auto files = files_of(value);
        if (!files) return std::unexpected(files.error());
        order.files = std::make_shared<const policy::FileSet>(std::move(*files));
    } else {
        return fault(Retry::never, fmt::format("\"{}\" is unknown, or not of its type; known are files, try, comment, "
                                               "base, lift, overwrite",
                                               std::string(key)));
    }
    return {};
}

/// Whether the caller would still be let in under another policy: by their name, or by what was granted to the person.
std::function<bool(const policy::Snapshot&)> still_may_apply(const Request& request)
{
    return [caller = request.caller, owner = request.owner,
            is_person = !request.acting_for.empty()](const policy::Snapshot& policy) {
        auto then = caller;
        if (!is_person) then.roles = policy.powers().roles_of_name(caller.name, owner);
        return policy.powers().may(then, vocabulary::Act::apply_policy, {}).allowed;
    };
}

/// The order in a request's body.
Result<PolicyOrder> order_of(const Request& request, What what)
{
    PolicyOrder order{.what = what, .author = request.actor, .arrival = arrival_of(what)};
    order.from_afar = request.from_afar;
    order.connected = request.connected;
    if (request.from_afar) order.keeps_author = still_may_apply(request);
    if (!request.body.empty()) {
        boost::system::error_code failed;
        const auto value = json::parse(request.body, failed);
        if (failed || !value.is_object()) return fault(Retry::never, "the body must be a JSON object");
        for (const auto& [key, member] : value.get_object())
            if (auto taken = take(order, key, member); !taken) return std::unexpected(taken.error());
    }
    if ((what == What::apply || what == What::check) && !order.files)
        return fault(Retry::never, "the body names no \"files\"");
    return order;
}

std::string_view name_of(store::Arrival arrival)
{
    constexpr std::array<std::string_view, 5> names{"start", "files changed", "reload", "apply", "rollback"};
    return names[static_cast<std::size_t>(arrival)];
}

std::string_view name_of(store::Trial trial)
{
    constexpr std::array<std::string_view, 4> names{"none", "running", "confirmed", "not confirmed"};
    return names[static_cast<std::size_t>(trial)];
}

/// "reload by root".
std::string how(const store::GenerationRecord& record)
{
    std::string text(name_of(record.arrival));
    if (record.repeats) text += fmt::format(" to {}", record.repeats);
    const bool somebody = record.arrival != store::Arrival::start && record.arrival != store::Arrival::files;
    return somebody ? text + " by " + record.author : text;
}

std::string_view name_of(gateway::ReloadReport::Outcome outcome)
{
    constexpr std::array<std::string_view, 5> names{"published", "unchanged", "rejected", "refused", "checked"};
    return names[static_cast<std::size_t>(outcome)];
}

Response failed(const Fault& fault, const Request& request, unsigned never)
{
    return Response::error(fault.retry() == Retry::later ? 503 : never, fault.describe(), request.wants_text);
}

std::string published_text(const gateway::ReloadReport& report)
{
    if (report.what == What::confirm)
        return fmt::format("generation {} stays in force; the policy's directory holds it\n", report.generation);
    if (report.what == What::revert) return fmt::format("generation {} is in force again\n", report.generation);
    auto text = fmt::format("generation {} is in force ({} files, {} read, {} ms)\n", report.generation, report.files,
                            report.files_read, report.took.count() / 1000);
    if (report.network)
        text += fmt::format(
            "it changes this machine's network: unless `postern --at` reaches it anew and says confirm "
            "until {}, generation {} comes back by itself\n",
            to_iso8601(*report.trial_until), report.before);
    else if (report.shuts_out)
        text += fmt::format(
            "under it you may not change the policy any more: unless somebody who may says confirm until {}, "
            "generation {} comes back by itself\n",
            to_iso8601(*report.trial_until), report.before);
    else if (report.trial_until)
        text += fmt::format("on trial until {}: `postern confirm` keeps it; else generation {} comes back by itself\n",
                            to_iso8601(*report.trial_until), report.before);
    return text;
}

}  // namespace

json::value reload_json(const gateway::ReloadReport& report)
{
    json::object value{{"outcome", name_of(report.outcome)},
                       {"act", gateway::name_of(report.what)},
                       {"generation", report.generation},
                       {"at", to_iso8601(report.at)},
                       {"author", report.author},
                       {"reason", report.reason},
                       {"files", report.files},
                       {"files_read", report.files_read},
                       {"milliseconds", report.took.count() / 1000},
                       {"diagnostics", json::parse(policy::render_json(report.diagnostics))}};
    if (report.before) value["before"] = report.before;
    if (report.trial_until) value["trial_until"] = to_iso8601(*report.trial_until);
    if (report.network) value["network"] = true;
    if (report.shuts_out) value["shuts_out"] = true;
    return value;
}

std::string reload_text(const gateway::ReloadReport& report, const std::string& directory)
{
    using Outcome = gateway::ReloadReport::Outcome;
    std::string text = policy::render(report.diagnostics, directory);
    if (!text.empty() && text.back() != '\n') text += '\n';
    if (report.outcome == Outcome::published) return text + published_text(report);
    if (!report.reason.empty()) text += "error: " + report.reason + "\n";
    const auto act = gateway::name_of(report.what);
    switch (report.outcome) {
        case Outcome::unchanged:
            return text + fmt::format("nothing has changed: generation {} is in force\n", report.generation);
        case Outcome::checked:
            return text + fmt::format("it would go live: {} files are fine\n", report.files);
        case Outcome::refused:
            return text + fmt::format("{} refused: generation {} stays in force\n", act, report.generation);
        default:
            break;
    }
    if (report.what == What::check) return text + "it would not go live\n";
    if (report.generation == 0) return text + "the policy is rejected, and none is in force\n";
    return text + fmt::format("{} rejected: generation {} stays in force\n", act, report.generation);
}

json::object generation_json(const store::GenerationRecord& record, std::uint64_t in_force)
{
    json::object value{{"generation", record.number}, {"in_force", record.number == in_force},
                       {"at", to_iso8601(record.at)}, {"author", record.author},
                       {"how", how(record)},          {"hash", record.hash},
                       {"comment", record.comment},   {"trial", name_of(record.trial)},
                       {"kept", !record.tree.empty()}};
    if (record.repeats) value["repeats"] = record.repeats;
    return value;
}

std::string generation_text(const store::GenerationRecord& record, std::uint64_t in_force)
{
    const auto trial = record.trial == store::Trial::none ? "" : fmt::format(", trial {}", name_of(record.trial));
    return fmt::format("{} {:>5}  {}  {:.12}  {}{}{}\n", record.number == in_force ? '*' : ' ', record.number,
                       to_iso8601(record.at), record.hash, how(record), trial,
                       record.comment.empty() ? "" : "  " + record.comment);
}

bool GenerationsApi::knows(const Request& request)
{
    return plain_order(request) || (request.method == "GET" && request.path == "/v1/generations") ||
           request.path.starts_with(prefix);
}

GenerationsApi::Answer GenerationsApi::handle(Request request)
{
    auto what = plain_order(request);
    if (request.path == "/v1/generations") return list(std::move(request));
    std::uint64_t generation = 0;
    if (!what) {
        const auto path = split(request.path);
        if (request.method == "GET" && path.what.empty()) return show(std::move(request), path.which);
        if (request.method == "GET" && path.what == "files") return files(std::move(request), path.which);
        const auto to = number(path.which);
        if (request.method != "POST" || path.what != "rollback" || !to)
            return [](Request unknown) -> Answer {
                co_return Response::error(404, fmt::format("there is no {} {}", unknown.method, unknown.path),
                                          unknown.wants_text);
            }(std::move(request));
        what = What::rollback;
        generation = *to;
    }
    auto given = order_of(request, *what);
    if (!given)
        return [](Request wrong, Fault why) -> Answer { co_return failed(why, wrong, 400); }(std::move(request),
                                                                                             given.error());
    given->generation = generation;
    return order(std::move(request), std::move(*given));
}

Result<std::uint64_t> GenerationsApi::number(const std::string& which) const
{
    if (which == "current") return services_.generations.current()->policy->generation();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), value);
    if (error != std::errc{} || end != which.data() + which.size())
        return fault(Retry::never, fmt::format("a generation is a number, or \"current\", not \"{}\"", which));
    return value;
}

GenerationsApi::Answer GenerationsApi::list(Request request)
{
    const auto all = co_await services_.store.generations();
    if (!all) co_return failed(all.error(), request, 400);
    const auto in_force = services_.generations.current()->policy->generation();
    const auto trial = reload_.trial();
    if (request.wants_text) {
        std::string text;
        for (const auto& record : *all) text += generation_text(record, in_force);
        if (trial)
            text += fmt::format("on trial until {}: else generation {} comes back\n", to_iso8601(trial->until),
                                trial->before);
        co_return Response::text(std::move(text));
    }
    json::array generations;
    for (const auto& record : *all) generations.push_back(generation_json(record, in_force));
    co_return Response::json({{"generations", std::move(generations)}});
}

GenerationsApi::Answer GenerationsApi::show(Request request, std::string which)
{
    const auto wanted = number(which);
    if (!wanted) co_return failed(wanted.error(), request, 404);
    const auto all = co_await services_.store.generations();
    if (!all) co_return failed(all.error(), request, 404);
    const auto record = std::ranges::find(*all, *wanted, &store::GenerationRecord::number);
    const auto kept = co_await gateway::Archive::read(services_.store, *wanted);
    if (!kept) co_return failed(kept.error(), request, 404);
    if (record == all->end()) co_return Response::error(404, "it has only just begun; ask again", request.wants_text);
    const auto in_force = services_.generations.current()->policy->generation();
    if (request.wants_text) {
        std::string text = generation_text(*record, in_force);
        for (const auto& [name, bytes] : *kept) text += fmt::format("{:>9}  {}\n", bytes.size(), name);
        co_return Response::text(std::move(text));
    }
    auto value = generation_json(*record, in_force);
    json::array names;
    for (const auto& [name, bytes] : *kept) names.push_back({{"name", name}, {"size", bytes.size()}});
    value["files"] = std::move(names);
    co_return Response::json(value);
}

GenerationsApi::Answer GenerationsApi::files(Request request, std::string which)
{
    const auto wanted = number(which);
    if (!wanted) co_return failed(wanted.error(), request, 404);
    const auto kept = co_await gateway::Archive::read(services_.store, *wanted);
    if (!kept) co_return failed(kept.error(), request, 404);
    if (const auto name = request.query.find("name"); name != request.query.end()) {
        const auto file = kept->find(name->second);
        if (file == kept->end())
            co_return Response::error(404, fmt::format("generation {} has no file {}", *wanted, name->second),
                                      request.wants_text);
        co_return Response::text(file->second);
    }
    co_return Response::json({{"generation", *wanted}, {"files", files_json(*kept)}});
}

// The order is carried out on the reloading thread; this coroutine looks in on it rather than hold up its I/O thread.
GenerationsApi::Answer GenerationsApi::order(Request request, PolicyOrder order)
{
    auto done = reload_.request(std::move(order));
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (done.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
        timer.expires_after(std::chrono::milliseconds{5});
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
    const auto report = done.get();
    using Outcome = gateway::ReloadReport::Outcome;
    const bool good = report.outcome != Outcome::rejected && report.outcome != Outcome::refused;
    const unsigned code = good ? 200 : 409;
    // Who sends files knows their names, and not where the directory is.
    const bool sent = report.what == What::apply || report.what == What::check;
    co_return request.wants_text ? Response::text(reload_text(report, sent ? "" : reload_.directory().string()), code)
                                 : Response::json(reload_json(report), code);
}

}  // namespace postern::control
