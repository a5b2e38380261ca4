#include "control/organisations.hpp"

#include "base/text.hpp"
#include "control/file_sets.hpp"
#include "control/json_body.hpp"
#include "control/yearly_tasks.hpp"
#include "gateway/archive.hpp"
#include "policy/parse.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

using vocabulary::Act;
using vocabulary::Organisation;
using vocabulary::Suspension;

constexpr std::string_view path = "/v1/organisations";

/// How it is suspended, now or from a time to come; nothing: it is not.
std::optional<Suspension::Kind> state_of(const policy::Snapshot& policy, const std::string& id)
{
    const auto* organisation = policy.organisation(id);
    if (organisation == nullptr || !organisation->suspended) return std::nullopt;
    return organisation->suspended->kind;
}

constexpr auto longest_outage = std::chrono::hours{24 * 90};

/// Where an end is named: a time to come, in the form that goes into the organisation's file as it is.
Result<void> check_end(const std::string& until, bool is_outage, Instant now)
{
    if (until.empty()) return {};
    const auto end = policy::parse_instant(until);
    if (!end) return std::unexpected(end.error());
    if (*end <= now) return fault(Retry::never, "until lies in the past");
    if (is_outage && *end > now + longest_outage)
        return fault(Retry::never, "an outage lasts for 90 days at most; say when it is over, and suspend anew");
    return {};
}

std::string in_quotes(std::string_view text)
{
    std::string out = "\"";
    for (const char c : printable(text, 200)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

json::array texts(const auto& all)
{
    json::array array;
    for (const auto& one : all) array.emplace_back(one);
    return array;
}

json::array tasks_json(const std::vector<OrganisationTask>& tasks, Instant now)
{
    json::array all;
    for (const auto& task : tasks) {
        json::object object{{"task", task.name}, {"due", task.is_due(now)}, {"text", task.text}};
        if (task.done) {
            object["done"] = to_iso8601(task.done->at);
            object["by"] = task.done->by;
        }
        all.push_back(std::move(object));
    }
    return all;
}

json::object organisation_json(const Organisation& organisation, Instant now)
{
    std::vector<std::string> domains, administrators;
    for (const auto& mapped : organisation.domains) domains.push_back(mapped.domain.text());
    for (const auto& administrator : organisation.administrators) administrators.push_back(administrator.text());
    json::object object{{"organisation", organisation.id},
                        {"name", organisation.name},
                        {"kind", organisation.kind == vocabulary::Kind::server ? "server" : "mailbox"},
                        {"kind_of_body", organisation.kind_of_body},
                        {"place", organisation.place},
                        {"domains", texts(domains)},
                        {"administrators", texts(administrators)},
                        {"part_of", organisation.part_of},
                        {"signatory", organisation.signatory}};
    if (const auto* suspension = organisation.suspension(now)) {
        object["suspended"] = suspension->kind == Suspension::Kind::outage ? "outage" : "sanction";
        if (suspension->until) object["until"] = to_iso8601(*suspension->until);
        if (!suspension->reason.empty()) object["reason"] = suspension->reason;
    }
    return object;
}

}  // namespace

std::string with_top_level_key(std::string_view file, std::string_view key, std::string_view value)
{
    std::string out;
    bool inside = false, put = value.empty();
    const auto fresh = fmt::format("{}: {}\n", key, value);
    std::size_t at = 0;
    while (at < file.size()) {
        const auto end = std::min(file.find('\n', at), file.size() - 1);
        const auto line = file.substr(at, end - at + 1);
        at = end + 1;
        if (line.starts_with(key) && line.substr(key.size()).starts_with(':')) {
            inside = true;
            if (!put) out += fresh;
            put = true;
            continue;
        }
        // What is indented, or an item of a list, belongs to the key above it.
        if (inside && (line.front() == ' ' || line.front() == '\t' || line.starts_with("- "))) continue;
        inside = false;
        out += line;
    }
    if (!put) out += (out.empty() || out.ends_with('\n') ? "" : "\n") + fresh;
    return out;
}

bool OrganisationsApi::is_mine(const Request& request)
{
    return request.path == path || request.path.starts_with("/v1/organisations/");
}

OrganisationsApi::Answer OrganisationsApi::handle(Request request)
{
    if (request.method == "GET" && request.path == path) co_return co_await list(std::move(request));
    std::string id = request.path.size() > path.size() ? request.path.substr(path.size() + 1) : std::string{};
    std::string what;
    if (const auto slash = id.find('/'); slash != std::string::npos) {
        what = id.substr(slash + 1);
        id.resize(slash);
    }
    if (!services_.generations.current()->policy->organisation(id))
        co_return wrong(request, fmt::format("there is no organisation \"{}\"", printable(id, 80)), 404);
    const bool post = request.method == "POST";
    if (!post && what.empty()) co_return co_await show(std::move(request), std::move(id));
    if (post && what == "suspend") co_return co_await suspend(std::move(request), std::move(id));
    if (post && what == "resume") co_return co_await resume(std::move(request), std::move(id));
    if (post && what == "done") co_return co_await task_done(std::move(request), std::move(id));
    co_return wrong(request, fmt::format("there is no {} {}", request.method, printable(request.path)), 404);
}

OrganisationsApi::Answer OrganisationsApi::list(Request request)
{
    auto permitted = co_await permits_.require(request, Act::see_organisation);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto policy = services_.generations.current()->policy;
    const Instant now = services_.clock.now();
    json::array all;
    std::string text;
    for (const auto& organisation : policy->organisations()) {
        const auto* suspension = organisation.suspension(now);
        const char* state = suspension == nullptr                          ? ""
                            : suspension->kind == Suspension::Kind::outage ? "outage"
                                                                           : "suspended";
        text += fmt::format("{:<24} {:<8} {:<32} {:<20} {}\n", organisation.id,
                            organisation.kind == vocabulary::Kind::server ? "server" : "mailbox", organisation.name,
                            organisation.place, state);
        all.push_back(organisation_json(organisation, now));
    }
    if (request.wants_text) co_return Response::text(std::move(text));
    co_return Response::json({{"organisations", std::move(all)}});
}

OrganisationsApi::Answer OrganisationsApi::show(Request request, std::string id)
{
    auto permitted = co_await permits_.require(request, Act::see_organisation, id);
    if (!permitted) co_return denied(permitted.error(), request);
    auto tasks = co_await services_.directory.administration().tasks_of(id);
    if (!tasks) co_return denied(tasks.error(), request);
    const auto policy = services_.generations.current()->policy;
    const Instant now = services_.clock.now();
    auto object = organisation_json(*policy->organisation(id), now);
    std::vector<std::string> parts;
    for (const auto& other : policy->organisations())
        if (other.part_of == id) parts.push_back(other.id);
    object["parts"] = texts(parts);
    object["tasks"] = tasks_json(tasks_of(*policy->organisation(id), *tasks), now);
    if (!request.wants_text) co_return Response::json(object);
    std::string text = id + "\n";
    for (const auto& field : object) {
        if (field.key() == "organisation" || field.key() == "tasks") continue;
        std::string value;
        if (field.value().is_string()) value = std::string(field.value().get_string());
        if (field.value().is_array())
            for (const auto& one : field.value().get_array())
                value += (value.empty() ? "" : ", ") + std::string(one.as_string());
        if (!value.empty()) text += fmt::format("  {:<16} {}\n", std::string_view(field.key()), value);
    }
    for (const auto& task : object["tasks"].as_array()) {
        const auto* when = task.as_object().if_contains("done");
        text +=
            fmt::format("  {:<5} {:<15} {}{}\n", task.at("due").as_bool() ? "due" : "done",
                        task.at("task").as_string().c_str(), task.at("text").as_string().c_str(),
                        when ? fmt::format(" ({} by {})", when->as_string().c_str(), task.at("by").as_string().c_str())
                             : std::string{});
    }
    co_return Response::text(std::move(text));
}

OrganisationsApi::Answer OrganisationsApi::suspend(Request request, std::string id)
{
    const auto said = object_in(request.body);
    const auto kind = text_in(said, "kind");
    if (kind != "outage" && kind != "sanction") co_return wrong(request, "kind is outage or sanction");
    // What takes a sanction's place ends it.
    auto policy = services_.generations.current()->policy;
    const bool sanctioned = state_of(*policy, id) == Suspension::Kind::sanction;
    const auto act = kind == "outage" && !sanctioned ? Act::suspend_organisation : Act::sanction_organisation;
    auto permitted = co_await permits_.require(request, act, id);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto until = text_in(said, "until");
    const auto reason = text_in(said, "reason");
    if (kind == "outage" && until.empty())
        co_return wrong(request, "an outage needs its end: until, such as 2026-12-01T06:00:00Z");
    if (auto fits = check_end(until, kind == "outage", services_.clock.now()); !fits)
        co_return wrong(request, fits.error().describe());
    std::string yaml = fmt::format("{{ kind: {}", kind);
    if (!reason.empty()) yaml += ", reason: " + in_quotes(reason);
    if (!until.empty()) yaml += ", until: " + until;
    auto comment = fmt::format("{} of {}{}", kind, id, reason.empty() ? "" : ": " + printable(reason, 300));
    co_return co_await with_suspension(std::move(request), std::move(id), yaml + " }", std::move(comment),
                                       std::move(policy));
}

// Who may end a suspension is who may begin one of that kind: an organisation can't lift a sanction on itself.
OrganisationsApi::Answer OrganisationsApi::resume(Request request, std::string id)
{
    auto policy = services_.generations.current()->policy;
    const auto state = state_of(*policy, id);
    if (!state) co_return wrong(request, fmt::format("{} is not suspended", id), 409);
    const auto act = *state == Suspension::Kind::outage ? Act::suspend_organisation : Act::sanction_organisation;
    auto permitted = co_await permits_.require(request, act, id);
    if (!permitted) co_return denied(permitted.error(), request);
    auto comment = fmt::format("{} goes on", id);
    std::string nothing;
    co_return co_await with_suspension(std::move(request), std::move(id), std::move(nothing), std::move(comment),
                                       std::move(policy));
}

OrganisationsApi::Answer OrganisationsApi::with_suspension(Request request, std::string id, std::string yaml,
                                                           std::string comment, PolicyPtr checked)
{
    auto record =
        permits_.record(request, yaml.empty() ? "resume_organisation" : "suspend_organisation", id, "done", comment);
    record.organisation = id;
    constexpr int tries = 5;
    Response response;
    for (int i = 0; i < tries; ++i) {
        const auto policy = services_.generations.current()->policy;
        const auto base = policy->generation();
        if (state_of(*policy, id) != state_of(*checked, id)) {
            response =
                wrong(request, "somebody else suspended it or let it go on meanwhile; look, and order again", 409);
            break;
        }
        response = co_await put_in_file(request, base, id, yaml, comment);
        // Somebody else changed the policy meanwhile: theirs is kept, and this comes on top of it.
        if (response.status < 300 || services_.generations.current()->policy->generation() == base) break;
    }
    if (response.status >= 300) {
        record.outcome = "failed";
        record.detail += "; " + printable(response.body, 300);
    }
    auto noted = co_await permits_.note(std::move(record));
    if (!noted) co_return denied(noted.error(), request);
    co_return response;
}

OrganisationsApi::Answer OrganisationsApi::put_in_file(Request request, std::uint64_t base, std::string id,
                                                       std::string yaml, std::string comment)
{
    auto files = co_await gateway::Archive::read(services_.store, base);
    if (!files) co_return denied(files.error(), request);
    const auto file = std::ranges::find_if(*files, [&](const auto& one) {
        const auto& [name, text] = one;
        const auto line = "organisation: " + id;
        const auto at = text.find(line);
        const bool first = at == 0 || (at != std::string::npos && text[at - 1] == '\n');
        const auto behind = at == std::string::npos ? at : at + line.size();
        return name.starts_with("organisations/") && first &&
               (behind == text.size() || text[behind] == '\n' || text[behind] == '\r' || text[behind] == ' ');
    });
    if (file == files->end())
        co_return wrong(request,
                        fmt::format("the file of {} does not begin a line with \"organisation: {}\"; change it "
                                    "by hand",
                                    id, id),
                        409);
    file->second = with_top_level_key(file->second, "suspended", yaml);
    Request order = std::move(request);
    order.method = "POST";
    order.path = "/v1/apply";
    json::array may_end;
    may_end.emplace_back(id);
    order.body = json::serialize(json::object{
        {"files", files_json(*files)}, {"comment", comment}, {"base", base}, {"lift", std::move(may_end)}});
    co_return co_await generations_.handle(std::move(order));
}

OrganisationsApi::Answer OrganisationsApi::task_done(Request request, std::string id)
{
    const auto said = object_in(request.body);
    const auto task = text_in(said, "task");
    if (!is_yearly_task(task)) co_return wrong(request, "task is one of terms, users, groups");
    auto permitted = co_await permits_.require(request, Act::add_user, id);
    if (!permitted) co_return denied(permitted.error(), request);
    auto record = permits_.record(request, "yearly_task", id, "done", task);
    record.organisation = id;
    auto kept = co_await services_.directory.administration().task_done(id, task, std::move(record));
    if (!kept) co_return denied(kept.error(), request);
    if (request.wants_text) co_return Response::text(task + " is done for this year\n");
    co_return Response::json({{"done", true}});
}

}  // namespace postern::control
