// Entries by file: many at once, with letters to print; imports and exports.
#include "control/entries.hpp"

#include "base/text.hpp"
#include "control/entry_rules.hpp"
#include "control/entry_views.hpp"
#include "control/json_body.hpp"
#include "control/letters.hpp"
#include "directory/csv_file.hpp"
#include "policy/directory_file.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

using directory::DirectoryEntry;
using vocabulary::Act;

constexpr const char* needs_remove = "an import that removes somebody is asked for with --remove\n";

bool is_true(const Request& request, const char* name)
{
    const auto value = parameter(request, name);
    return !value.empty() && value != "0" && value != "false";
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

/// A name on each line, or columns with names in the first row: name, non_secure, and details.
std::vector<directory::NewPerson> people_in_csv(const std::string& csv, std::vector<directory::ImportProblem>& problems)
{
    std::vector<directory::NewPerson> people;
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
        people.push_back(std::move(person));
    }
    if (people.empty() && problems.empty()) problems.push_back({0, "there is nobody in the file"});
    return people;
}

}  // namespace

void EntriesApi::tell_of_new_addresses(const directory::Difference& difference) const
{
    constexpr std::size_t most_told = 1000;  // what more an import changes is a change of service, and announced as one
    const auto at = services_.clock.now();
    const auto snapshot = policy();
    std::size_t told = 0;
    for (const auto& change : difference.changed)
        for (const auto& field : change.fields) {
            if (field.field != "non_secure" || ++told > most_told) continue;
            auto owner = login_owner(*snapshot, change.entry, at);
            owner.non_secure = field.before;
            ports::tell_non_secure_changed(services_.alarms, owner, at + snapshot->logins().non_secure_rests);
        }
    if (told > most_told)
        services_.log.warning("not everybody is told that their address outside was changed",
                              {{"count", std::uint64_t{told - most_told}}});
}

EntriesApi::Answer EntriesApi::bulk(Request request)
{
    const auto object = object_in(request.body);
    if (object.empty()) co_return wrong(request, "the body must be a JSON object");
    const auto snapshot = policy();
    directory::BulkOrder order;
    order.organisation = text_in(object, "organisation");
    const auto* organisation = snapshot->organisation(order.organisation);
    if (!organisation)
        co_return wrong(request, fmt::format("there is no organisation \"{}\"", printable(order.organisation, 80)));
    auto permitted = co_await permits_.require(request, Act::add_user, order.organisation);
    if (!permitted) co_return denied(permitted.error(), request);
    std::string domain = text_in(object, "domain");
    if (domain.empty()) domain = organisation->domains.front().domain.text();
    auto parsed = mail::Domain::parse(domain);
    if (!parsed) co_return wrong(request, fmt::format("\"{}\" is no domain", printable(domain, 100)));
    order.domain = std::move(*parsed);
    order.dry_run = flag_in(object, "dry_run");
    std::vector<directory::ImportProblem> problems;
    order.people = people_in_csv(text_in(object, "csv"), problems);
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
    auto terms = entry_terms(*snapshot, is_true(request, "sure"));
    const bool removal = is_true(request, "remove");
    terms.removal = removal || dry_run;
    // Two statements: g++ 12 destroys the arguments of a co_await inside ?: twice.
    Result<directory::Difference> difference = directory::Difference{};
    if (dry_run)
        difference = co_await services_.directory.plan(std::move(read.document), check, terms);
    else
        difference = co_await services_.directory.apply(std::move(read.document), check, request.caller.name,
                                                        services_.clock.now(), terms);
    if (!difference) co_return denied(difference.error(), request);
    if (!dry_run && difference->valid()) tell_of_new_addresses(*difference);
    const unsigned code = difference->valid() ? 200 : 400;
    services_.log.info(
        "directory import",
        {{"actor", request.actor},
         {"dry_run", dry_run},
         {"outcome", difference->valid() ? "valid" : "refused"},
         {"count", std::uint64_t{difference->added.size() + difference->changed.size() + difference->removed.size()}}});
    auto response = request.wants_text
                        ? Response::text(difference_text(*difference, dry_run) +
                                             (dry_run && !removal && !difference->removed.empty() ? needs_remove : ""),
                                         code)
                        : Response::json(difference_json(*difference, difference->valid() && !dry_run), code);
    *difference = {};
    std::string().swap(request.body);
    co_await administration().give_memory_back();
    co_return response;
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

}  // namespace postern::control
