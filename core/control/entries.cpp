#include "control/entries.hpp"

#include "base/text.hpp"
#include "control/entry_orders.hpp"
#include "control/entry_rules.hpp"
#include "control/letters.hpp"
#include "directory/csv_file.hpp"
#include "policy/directory_file.hpp"
#include "transform/mapping.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

namespace postern::control {

namespace json = boost::json;

namespace {

using directory::DirectoryEntry;
using directory::Edited;
using directory::EntryKind;
using directory::StandingEntry;
using vocabulary::Act;
using vocabulary::name_of;
using vocabulary::Role;

std::string parameter(const Request& request, const char* name)
{
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string{} : found->second;
}

bool is_true(const Request& request, const char* name)
{
    const auto value = parameter(request, name);
    return !value.empty() && value != "0" && value != "false";
}

Response wrong(const Request& request, const std::string& what, unsigned status = 400)
{
    return Response::error(status, what, request.wants_text);
}

Result<json::object> object_in(const Request& request)
{
    boost::system::error_code malformed;
    auto value = json::parse(request.body, malformed);
    if (malformed || !value.is_object()) return fault(Retry::never, "the body must be a JSON object");
    return std::move(value.get_object());
}

std::string text_in(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

/// The address that others write to.
std::string inside_form(const policy::Snapshot& policy, const DirectoryEntry& entry)
{
    const auto owner = policy.owner_of(entry.address.domain());
    if (!owner || !owner->organisation) return entry.address.text();
    const auto inside = transform::inside(entry.address, *owner->organisation);
    return inside ? inside->text() : entry.address.text();
}

json::array members_json(const DirectoryEntry& entry)
{
    json::array members;
    for (const auto& member : entry.members) {
        json::object one{{"address", member.address}};
        if (entry.kind == EntryKind::group) {
            json::array may;
            if (member.read) may.emplace_back("read");
            if (member.write) may.emplace_back("write");
            if (member.mail) may.emplace_back("mail");
            one["may"] = std::move(may);
        }
        members.push_back(std::move(one));
    }
    return members;
}

/// What everybody sees of an entry, and the rest for those who look after it.
json::object entry_json(const policy::Snapshot& policy, const StandingEntry& standing, bool all)
{
    const auto& entry = *standing.entry;
    json::object object{{"address", inside_form(policy, entry)},
                        {"own_address", entry.address.text()},
                        {"organisation", entry.organisation},
                        {"kind", std::string(name_of(entry.kind))},
                        {"name", entry.name}};
    if (const auto* organisation = policy.organisation(entry.organisation)) {
        object["organisation_name"] = organisation->name;
        if (!organisation->kind_of_body.empty()) object["kind_of_body"] = organisation->kind_of_body;
        if (!organisation->place.empty()) object["place"] = organisation->place;
    }
    if (!entry.function.empty()) object["function"] = entry.function;
    json::object details;
    for (const auto& [name, value] : entry.details) details[name] = value;
    if (!details.empty()) object["details"] = std::move(details);
    if (!all) return object;
    object["status"] = std::string(name_of(entry.status));
    object["ex_directory"] = entry.ex_directory;
    object["version"] = standing.version;
    object["changed"] = to_iso8601(standing.changed);
    object["changed_by"] = standing.changed_by;
    if (!entry.non_secure.empty()) object["non_secure"] = entry.non_secure;
    if (!entry.owner.empty()) object["owner"] = entry.owner;
    if (!entry.moved_to.empty()) object["moved_to"] = entry.moved_to;
    if (entry.kind == EntryKind::list) {
        if (entry.senders == vocabulary::ListSenders::named)
            object["senders"] = json::value_from(entry.named_senders);
        else
            object["senders"] = std::string(name_of(entry.senders));
    }
    if (!entry.members.empty()) object["members"] = members_json(entry);
    return object;
}

std::string plain(const json::value& value)
{
    if (value.is_string()) return std::string(value.get_string());
    return json::serialize(value);
}

std::string entry_text(const json::object& entry)
{
    std::string text = fmt::format("{}\n", plain(entry.at("address")));
    for (const auto& field : entry) {
        if (field.key() == "address" || field.key() == "members" || field.key() == "details") continue;
        text += fmt::format("  {:<18} {}\n", std::string_view(field.key()), plain(field.value()));
    }
    if (const auto* details = entry.if_contains("details"))
        for (const auto& detail : details->as_object())
            text += fmt::format("  {:<18} {}\n", std::string_view(detail.key()), plain(detail.value()));
    if (const auto* members = entry.if_contains("members"))
        for (const auto& member : members->as_array()) {
            const auto& one = member.as_object();
            const auto* may = one.if_contains("may");
            std::string rights;
            if (may != nullptr)
                for (const auto& right : may->as_array()) rights += (rights.empty() ? "" : ", ") + plain(right);
            text += fmt::format("  member             {}{}\n", plain(one.at("address")),
                                rights.empty() ? "" : " may " + rights);
        }
    return text;
}

json::array problems_json(const std::vector<directory::ImportProblem>& problems)
{
    json::array all;
    for (const auto& problem : problems) all.push_back({{"line", problem.line}, {"what", problem.what}});
    return all;
}

std::string problems_text(const std::vector<directory::ImportProblem>& problems)
{
    std::string text;
    for (const auto& problem : problems)
        text += problem.line == 0 ? problem.what + "\n" : fmt::format("line {}: {}\n", problem.line, problem.what);
    return text;
}

json::value difference_json(const directory::Difference& difference, bool applied)
{
    const auto addresses = [](const auto& entries) {
        json::array all;
        for (const auto& entry : entries) all.emplace_back(entry.address.text());
        return all;
    };
    json::array changed;
    for (const auto& change : difference.changed) {
        json::array fields;
        for (const auto& field : change.fields)
            fields.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
        changed.push_back({{"address", change.entry.address.text()}, {"fields", std::move(fields)}});
    }
    return {{"applied", applied},
            {"added", addresses(difference.added)},
            {"changed", std::move(changed)},
            {"removed", addresses(difference.removed)},
            {"unchanged", difference.unchanged},
            {"problems", problems_json(difference.problems)}};
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
    text += problems_text(difference.problems);
    if (!difference.valid())
        return text + fmt::format("nothing was imported: {} problems\n", difference.problems.size());
    return text + fmt::format("{}: {} added, {} changed, {} removed, {} as they were\n",
                              dry_run ? "would be imported" : "imported", difference.added.size(),
                              difference.changed.size(), difference.removed.size(), difference.unchanged);
}

/// The document of an import; with its problems where it can't be used.
struct Read {
    vocabulary::ImportDocument document;
    std::optional<Response> refusal;
};

Read read_document(const Request& request, const std::string& name)
{
    if (name.size() > 4 && iequals(name.substr(name.size() - 4), ".csv")) {
        auto csv = directory::parse_directory_csv(request.body, name, parameter(request, "organisation"));
        if (csv.problems.empty()) return {std::move(csv.document), std::nullopt};
        auto text = problems_text(csv.problems) +
                    fmt::format("nothing was imported: {} problems in {}\n", csv.problems.size(), name);
        return {{},
                request.wants_text
                    ? Response::text(std::move(text), 400)
                    : Response::json({{"applied", false}, {"problems", problems_json(csv.problems)}}, 400)};
    }
    auto file = policy::parse_directory_file(request.body, name);
    if (!policy::has_errors(file.diagnostics)) return {std::move(file.document), std::nullopt};
    return {{},
            request.wants_text
                ? Response::text(policy::render(file.diagnostics, ""), 400)
                : Response::json(
                      {{"applied", false}, {"diagnostics", json::parse(policy::render_json(file.diagnostics))}}, 400)};
}

}  // namespace

bool EntriesApi::is_mine(const Request& request)
{
    return request.path == "/v1/entries" || request.path.starts_with("/v1/entries/") || request.path == "/v1/grants" ||
           request.path.starts_with("/v1/directory/");
}

EntriesApi::Answer EntriesApi::handle(Request request)
{
    const auto is = [&request](std::string_view method, std::string_view path) {
        return request.method == method && request.path == path;
    };
    if (is("GET", "/v1/entries")) return list(std::move(request));
    if (is("POST", "/v1/entries")) return edit(std::move(request));
    if (is("POST", "/v1/entries/bulk")) return bulk(std::move(request));
    if (is("GET", "/v1/grants")) return grants(std::move(request));
    if (is("POST", "/v1/grants")) return grant(std::move(request));
    if (is("POST", "/v1/directory/import")) return import(std::move(request));
    if (is("GET", "/v1/directory/import")) return progress(std::move(request));
    if (is("GET", "/v1/directory/export")) return export_entries(std::move(request));
    if (is("GET", "/v1/directory/entry")) return entry(std::move(request));
    constexpr std::string_view one = "/v1/entries/";
    if (request.method == "GET" && request.path.starts_with(one)) {
        auto which = request.path.substr(one.size());
        return show(std::move(request), std::move(which));
    }
    return [](Request unknown) -> Answer {
        co_return Response::error(404, fmt::format("there is no {} {}", unknown.method, printable(unknown.path)),
                                  unknown.wants_text);
    }(std::move(request));
}

bool EntriesApi::sees_all_of(const Request& request, const std::string& organisation) const
{
    return permits_.may(request, Act::see_hidden, permits_.organisation_subject(organisation));
}

EntriesApi::Answer EntriesApi::list(Request request)
{
    directory::EntryFilter filter;
    filter.like = parameter(request, "like");
    filter.organisation = parameter(request, "organisation");
    if (const auto kind = parameter(request, "kind"); !kind.empty()) {
        filter.kind = vocabulary::entry_kind_named(kind);
        if (!filter.kind) co_return wrong(request, "kind is one of user, function, group, list");
    }
    if (const auto status = parameter(request, "status"); !status.empty()) {
        filter.status = vocabulary::entry_status_named(status);
        if (!filter.status) co_return wrong(request, "status is one of invited, active, suspended, removed");
    }
    if (const auto limit = parameter(request, "limit"); !limit.empty()) {
        const auto [end, failed] = std::from_chars(limit.data(), limit.data() + limit.size(), filter.limit);
        if (failed != std::errc{} || end != limit.data() + limit.size() || filter.limit == 0 || filter.limit > 2000)
            co_return wrong(request, "limit is a number from 1 to 2000");
    }
    const bool hidden = sees_all_of(request, filter.organisation);
    if (!hidden) {
        auto permitted = co_await permits_.require(request, Act::find_user, filter.organisation);
        if (!permitted) co_return denied(permitted.error(), request);
    }
    filter.hidden = hidden;
    auto found = co_await administration().list(std::move(filter));
    if (!found) co_return denied(found.error(), request);
    const auto snapshot = policy();
    json::array entries;
    std::string text;
    for (const auto& standing : *found) {
        auto object = entry_json(*snapshot, standing, hidden);
        if (request.wants_text)
            text += fmt::format("{:<50} {:<9} {:<10} {}\n", plain(object.at("address")), plain(object.at("kind")),
                                name_of(standing.entry->status), plain(object.at("name")));
        else
            entries.push_back(std::move(object));
    }
    if (request.wants_text) co_return Response::text(text.empty() ? "nobody was found\n" : std::move(text));
    co_return Response::json({{"entries", std::move(entries)}});
}

// Who may not see an entry is told what would be told if there were none.
EntriesApi::Answer EntriesApi::show(Request request, std::string which)
{
    const auto address = mail::Address::parse(which);
    if (!address) co_return wrong(request, fmt::format("\"{}\" is no address", printable(which, 100)));
    const auto own = permits_.own_form(*address);
    auto standing = co_await administration().get(own);
    if (!standing) co_return denied(standing.error(), request);
    const std::string organisation = standing->entry ? standing->entry->organisation : std::string{};
    const bool self = own.key() == request.caller.key;
    const bool all = self || (standing->entry && sees_all_of(request, organisation));
    if (!all) {
        // Whose domain it is, and not whose entry: a refusal must not tell whether there is one.
        const auto owner = policy()->owner_of(own.domain());
        std::string whose = owner && owner->organisation ? owner->organisation->id : std::string{};
        auto permitted = co_await permits_.require(request, Act::find_user, std::move(whose));
        if (!permitted) co_return denied(permitted.error(), request);
    }
    const bool visible =
        standing->entry &&
        (all || (standing->entry->status == directory::EntryStatus::active && !standing->entry->ex_directory));
    if (!visible) co_return wrong(request, fmt::format("there is no entry {}", printable(which, 100)), 404);
    const auto object = entry_json(*policy(), *standing, all);
    if (request.wants_text) co_return Response::text(entry_text(object));
    co_return Response::json(object);
}

EntriesApi::Answer EntriesApi::edit(Request request)
{
    const auto snapshot = policy();
    auto order = entry_order(request.body, snapshot);
    if (!order) co_return denied(order.error(), request);
    const auto parsed = mail::Address::parse(order->address);
    if (!parsed) co_return wrong(request, fmt::format("\"{}\" is no address", printable(order->address, 100)));
    directory::EntryEdit edit;
    edit.address = permits_.own_form(*parsed);
    edit.create = order->create;
    edit.version = order->version;
    auto kind = order->kind.value_or(EntryKind::user);
    std::string organisation = order->organisation;
    const auto owner = snapshot->owner_of(edit.address.domain());
    if (organisation.empty() && owner && owner->organisation) organisation = owner->organisation->id;
    if (order->create && organisation.empty())
        co_return wrong(
            request, fmt::format("{} is in no member's domain; say whose it is by organisation", edit.address.text()));
    if (!order->create) {
        auto standing = co_await administration().get(edit.address);
        if (!standing) co_return denied(standing.error(), request);
        if (standing->entry) kind = standing->entry->kind;
        if (standing->entry) organisation = standing->entry->organisation;
    }
    std::string act;
    for (const auto asked : acts_of(*order, kind)) {
        std::string whom = order->create ? organisation : edit.address.text();
        auto permitted = co_await permits_.require(request, asked, std::move(whom));
        if (!permitted) co_return denied(permitted.error(), request);
        if (act.empty()) act = vocabulary::info(asked).name;
    }
    edit.check = entry_check(snapshot);
    edit.audit = permits_.record(request, act);
    edit.change = [change = order->change, create = order->create, kind, organisation](DirectoryEntry& entry) {
        if (create) {
            entry.kind = kind;
            entry.organisation = organisation;
        }
        return change(entry);
    };
    auto edited = co_await administration().edit(std::move(edit));
    if (!edited) co_return denied(edited.error(), request);
    using Outcome = Edited::Outcome;
    if (edited->outcome == Outcome::absent)
        co_return wrong(request, fmt::format("there is no entry {}", printable(order->address, 100)), 404);
    if (edited->outcome == Outcome::there_already)
        co_return wrong(request, fmt::format("{} is there already", edited->now.entry->address.text()), 409);
    if (edited->outcome == Outcome::conflict)
        co_return wrong(request,
                        fmt::format("{} changed it at {}: it is version {} now; look at it again",
                                    edited->now.changed_by, to_iso8601(edited->now.changed), edited->now.version),
                        409);
    services_.log.info("entry changed", {{"actor", request.caller.name},
                                         {"act", act},
                                         {"recipient", edited->now.entry->address.text()},
                                         {"organisation", edited->now.entry->organisation}});
    auto object = entry_json(*snapshot, edited->now, true);
    if (request.wants_text)
        co_return Response::text((edited->outcome == Outcome::unchanged ? "as it was\n" : "") + entry_text(object));
    co_return Response::json(object);
}

// name,non_secure and details as columns; or a name on each line.
EntriesApi::Answer EntriesApi::bulk(Request request)
{
    auto object = object_in(request);
    if (!object) co_return denied(object.error(), request);
    const auto snapshot = policy();
    directory::BulkOrder order;
    order.organisation = text_in(*object, "organisation");
    const auto* organisation = snapshot->organisation(order.organisation);
    if (!organisation)
        co_return wrong(request, fmt::format("there is no organisation \"{}\"", printable(order.organisation, 80)));
    auto permitted = co_await permits_.require(request, Act::add_user, order.organisation);
    if (!permitted) co_return denied(permitted.error(), request);
    std::string domain = text_in(*object, "domain");
    if (domain.empty()) domain = organisation->domains.front().domain.text();
    auto parsed = mail::Domain::parse(domain);
    if (!parsed) co_return wrong(request, fmt::format("\"{}\" is no domain", printable(domain, 100)));
    order.domain = std::move(*parsed);
    const auto* dry_run = object->if_contains("dry_run");
    order.dry_run = dry_run != nullptr && dry_run->is_bool() && dry_run->get_bool();
    std::vector<directory::ImportProblem> problems;
    const std::string csv = text_in(*object, "csv");
    if (!is_utf8(csv)) problems.push_back({0, "the file is not UTF-8; save it as \"CSV UTF-8\""});
    const auto rows = problems.empty() ? directory::parse_csv(csv, problems) : std::vector<directory::CsvRow>{};
    std::vector<std::string> columns{"name"};
    const bool titled = !rows.empty() && std::ranges::any_of(rows.front().cells, [](const std::string& cell) {
        return iequals(trim(cell), "name");
    });
    if (titled) {
        columns.clear();
        for (const auto& cell : rows.front().cells) columns.push_back(to_lower(trim(cell)));
    }
    for (std::size_t i = titled ? 1 : 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        if (row.cells.size() == 1 && trim(row.cells.front()).empty()) continue;
        if (row.cells.size() > columns.size()) {
            problems.push_back({row.line, "the row has more cells than the first row has names"});
            continue;
        }
        directory::NewPerson person{.line = row.line, .name = {}, .non_secure = {}, .details = {}};
        for (std::size_t c = 0; c < row.cells.size(); ++c) {
            const std::string cell(trim(row.cells[c]));
            if (columns[c] == "name")
                person.name = cell;
            else if (columns[c] == "non_secure")
                person.non_secure = cell;
            else if (!cell.empty())
                person.details[columns[c]] = cell;
        }
        order.people.push_back(std::move(person));
    }
    if (order.people.empty() && problems.empty()) problems.push_back({0, "there is nobody in the file"});
    const auto now = services_.clock.now();
    order.valid_until = now + snapshot->logins().one_time_valid;
    const LetterFacts letter{snapshot->community().suffix.text(), organisation->name, order.valid_until};
    order.check = entry_check(snapshot);
    order.audit = permits_.record(request, std::string(vocabulary::info(Act::add_user).name));
    const bool dry = order.dry_run;
    directory::BulkResult result;
    result.problems = std::move(problems);
    if (result.problems.empty()) {
        auto added = co_await administration().bulk_add(std::move(order));
        if (!added) co_return denied(added.error(), request);
        result = std::move(*added);
    }
    if (!result.problems.empty()) {
        if (request.wants_text) co_return Response::text(problems_text(result.problems) + "nobody was added\n", 400);
        co_return Response::json({{"applied", false}, {"problems", problems_json(result.problems)}}, 400);
    }
    for (auto& one : result.invited)
        if (const auto address = mail::Address::parse(one.address)) {
            DirectoryEntry made;
            made.address = *address;
            one.address = inside_form(*snapshot, made);
        }
    json::array invited;
    for (const auto& one : result.invited)
        invited.push_back({{"name", one.name},
                           {"address", one.address},
                           {"user_name", one.user_name},
                           {"one_time_password", one.one_time_password}});
    json::object answer{{"applied", !dry}, {"valid_until", to_iso8601(letter.valid_until)}};
    answer["invited"] = std::move(invited);
    if (!dry) answer["letters"] = print_letters(result.invited, letter);
    co_return Response::json(answer);
}

EntriesApi::Answer EntriesApi::grants(Request request)
{
    std::string key;
    if (const auto who = parameter(request, "who"); !who.empty()) {
        const auto address = mail::Address::parse(who);
        if (!address) co_return wrong(request, "who is an address");
        key = permits_.own_form(*address).key();
    }
    if (key.empty() || key != request.caller.key) {
        auto permitted = co_await permits_.require(request, Act::see_policy);
        if (!permitted) co_return denied(permitted.error(), request);
    }
    Result<std::vector<directory::Grant>> found = std::vector<directory::Grant>{};
    if (key.empty())
        found = co_await administration().all_grants();
    else
        found = co_await administration().grants_of(key);
    if (!found) co_return denied(found.error(), request);
    json::array all;
    std::string text;
    for (const auto& grant : *found) {
        text += fmt::format("{:<50} {:<28} {:<20} by {} at {}\n", grant.key, name_of(grant.role), grant.organisation,
                            grant.by, to_iso8601(grant.at));
        all.push_back({{"who", grant.key},
                       {"role", std::string(name_of(grant.role))},
                       {"organisation", grant.organisation},
                       {"by", grant.by},
                       {"at", to_iso8601(grant.at)}});
    }
    if (request.wants_text) co_return Response::text(text.empty() ? "nobody was granted a role\n" : std::move(text));
    co_return Response::json({{"grants", std::move(all)}});
}

EntriesApi::Answer EntriesApi::grant(Request request)
{
    auto object = object_in(request);
    if (!object) co_return denied(object.error(), request);
    const auto address = mail::Address::parse(text_in(*object, "who"));
    if (!address) co_return wrong(request, "who is the address of a user");
    const auto own = permits_.own_form(*address);
    const auto role = vocabulary::role_named(text_in(*object, "role"));
    if (!role || *role == Role::user) {
        std::vector<std::string_view> names;
        for (const auto& one : vocabulary::roles())
            if (one.role != Role::user) names.push_back(one.name);
        co_return wrong(request, fmt::format("role is one of {}", fmt::join(names, ", ")));
    }
    directory::Grant grant{
        .key = own.key(), .role = *role, .organisation = {}, .at = services_.clock.now(), .by = request.caller.name};
    const auto* take = object->if_contains("take");
    const bool takes = take != nullptr && take->is_bool() && take->get_bool();
    auto whom = co_await permits_.subject(own.text());
    if (!whom) co_return denied(whom.error(), request);
    if (*role == Role::organisation_administrator) {
        grant.organisation = text_in(*object, "organisation");
        if (grant.organisation.empty() && !whom->organisations.empty())
            grant.organisation = whom->organisations.front();
        if (!policy()->organisation(grant.organisation))
            co_return wrong(request, fmt::format("there is no organisation \"{}\"", printable(grant.organisation, 80)));
        auto permitted = co_await permits_.require(request, Act::grant_role, grant.organisation);
        if (!permitted) co_return denied(permitted.error(), request);
    } else {
        // A role of the service is given by who may give it to anybody.
        auto permitted = co_await permits_.require(request, Act::grant_role);
        if (!permitted) co_return denied(permitted.error(), request);
    }
    if (!takes && own.key() == request.caller.key) co_return wrong(request, "nobody gives themselves a role", 403);
    auto record = permits_.record(request, "grant_role", own.text(), "done",
                                  fmt::format("{} {}{}", takes ? "taken:" : "given:", name_of(*role),
                                              grant.organisation.empty() ? "" : " of " + grant.organisation));
    record.organisation = whom->organisations.empty() ? std::string{} : whom->organisations.front();
    Result<bool> changed = false;
    if (takes)
        changed = co_await administration().revoke(std::move(grant), std::move(record));
    else
        changed = co_await administration().grant(std::move(grant), std::move(record));
    if (!changed) co_return denied(changed.error(), request);
    if (request.wants_text)
        co_return Response::text(*changed ? fmt::format("{} {}\n", takes ? "taken from" : "given to", own.text())
                                          : std::string("it was so already\n"));
    co_return Response::json({{"changed", *changed}});
}

EntriesApi::Answer EntriesApi::import(Request request)
{
    const bool dry_run = is_true(request, "dry_run");
    auto name = parameter(request, "name");
    if (name.empty()) name = "directory.yaml";
    auto read = read_document(request, name);
    if (read.refusal) co_return std::move(*read.refusal);
    const auto snapshot = policy();
    for (auto& organisation : read.document.organisations)
        for (auto& one : organisation.entries) to_own_form(*snapshot, one.entry);
    auto check = entry_check(snapshot);
    // Two statements: g++ 12 destroys the arguments of a co_await inside ?: twice.
    Result<directory::Difference> difference = directory::Difference{};
    if (dry_run)
        difference = co_await services_.directory.plan(std::move(read.document), check);
    else
        difference = co_await services_.directory.apply(std::move(read.document), check, request.caller.name,
                                                        services_.clock.now());
    if (!difference) co_return denied(difference.error(), request);
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

EntriesApi::Answer EntriesApi::progress(Request request)
{
    const auto seen = services_.directory.import_progress();
    if (request.wants_text)
        co_return Response::text(seen.phase.empty() ? std::string("no import is under way\n")
                                                    : fmt::format("{}: {} of {}\n", seen.phase, seen.done, seen.total));
    co_return Response::json({{"phase", seen.phase}, {"done", seen.done}, {"total", seen.total}});
}

EntriesApi::Answer EntriesApi::export_entries(Request request)
{
    const auto organisation = parameter(request, "organisation");
    auto permitted = co_await permits_.require(request, Act::export_directory, organisation);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto format = parameter(request, "format");
    if (!format.empty() && format != "csv" && format != "yaml") co_return wrong(request, "format is csv or yaml");
    std::vector<std::string> wanted;
    if (!organisation.empty()) wanted.push_back(organisation);
    auto entries = co_await administration().all(std::move(wanted));
    if (!entries) co_return denied(entries.error(), request);
    auto record =
        permits_.record(request, "export_directory", organisation, "done", fmt::format("{} entries", entries->size()));
    auto noted = co_await permits_.note(std::move(record));
    if (!noted) co_return denied(noted.error(), request);
    if (format == "csv") co_return Response{200, "text/csv; charset=utf-8", directory::print_directory_csv(*entries)};
    co_return Response{200, "application/yaml", directory::print_directory_yaml(*entries)};
}

// One entry, for rehearsals that ask the live directory.
EntriesApi::Answer EntriesApi::entry(Request request)
{
    const auto address = mail::Address::parse(parameter(request, "address"));
    if (!address) co_return wrong(request, "say ?address=ADDRESS");
    auto found = co_await services_.directory.find(*address);
    if (!found) co_return denied(found.error(), request);
    if (!*found) co_return wrong(request, fmt::format("there is no entry for <{}>", printable(address->text())), 404);
    const auto& one = **found;
    json::object object{{"address", one.address.text()},
                        {"organisation", one.organisation},
                        {"kind", std::string(name_of(one.kind))},
                        {"status", std::string(name_of(one.status))}};
    if (!one.function.empty()) object["function"] = one.function;
    if (!one.moved_to.empty()) object["moved_to"] = one.moved_to;
    co_return Response::json(std::move(object));
}

}  // namespace postern::control
