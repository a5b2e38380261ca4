#include "control/entries.hpp"

#include "base/text.hpp"
#include "control/entry_orders.hpp"
#include "control/entry_rules.hpp"
#include "control/entry_views.hpp"
#include "control/json_body.hpp"
#include "control/mailed_codes.hpp"

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

bool EntriesApi::is_seen(const Request& request, const DirectoryEntry& entry) const
{
    const bool open = entry.status == directory::EntryStatus::active && !entry.ex_directory;
    return open || entry.address.key() == request.caller.key || sees_all_of(request, entry.organisation);
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
    filter.meant = organisation_words_.meant(policy(), filter.like);
    const std::string asked = filter.like, organisation = filter.organisation;
    const auto limit = filter.limit;
    auto found = co_await administration().list(std::move(filter));
    if (!found) co_return denied(found.error(), request);
    if (hidden) {
        auto detail = fmt::format("{} entries{}", found->size(), asked.empty() ? "" : " like " + printable(asked, 100));
        auto noted = co_await permits_.note_look(request, "see_entries", organisation, std::move(detail));
        if (!noted) co_return denied(noted.error(), request);
    }
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
    const bool cut = found->size() == limit;
    if (cut)
        text += fmt::format("these are {}, and there may be more: --limit shows up to 2000, more words find fewer\n",
                            limit);
    if (request.wants_text) co_return Response::text(text.empty() ? "nobody was found\n" : std::move(text));
    co_return Response::json({{"entries", std::move(entries)}, {"cut", cut}});
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
    if (all && !self) {
        auto noted = co_await permits_.note_look(request, "see_entry", own.text());
        if (!noted) co_return denied(noted.error(), request);
    }
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
        if (standing->entry && !is_seen(request, *standing->entry)) {
            auto refused = co_await refuse_as_absent(request, *order, kind);
            if (!refused) co_return denied(refused.error(), request);
        }
    }
    std::string act;
    for (const auto asked : acts_of(*order, kind)) {
        std::string whom = order->create ? organisation : edit.address.text();
        if (order->create && speaks_for_service(*snapshot, edit.address)) whom.clear();
        auto permitted = co_await permits_.require(request, asked, std::move(whom));
        if (!permitted) co_return denied(permitted.error(), request);
        if (act.empty()) act = vocabulary::info(asked).name;
    }
    edit.check = entry_check(snapshot);
    edit.terms = entry_terms(*snapshot, order->sure);
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
    tell_of_new_address(*edited);
    const auto confirmation = co_await ask_to_confirm(*edited);
    services_.log.info("entry changed", {{"actor", request.caller.name},
                                         {"act", act},
                                         {"recipient", edited->now.entry->address.text()},
                                         {"organisation", edited->now.entry->organisation}});
    auto object = entry_json(*snapshot, edited->now, true);
    if (request.wants_text) {
        auto text = (edited->outcome == Outcome::unchanged ? "as it was\n" : "") + entry_text(object);
        if (!confirmation.empty()) text += confirmation + "\n";
        co_return Response::text(std::move(text));
    }
    if (!confirmation.empty()) object["confirmation"] = confirmation;
    co_return Response::json(object);
}

// Who may neither see an entry nor change it is refused as for one that is not there: which act they lack would tell
// that it is a group, or a list.
boost::asio::awaitable<Result<void>> EntriesApi::refuse_as_absent(const Request& request, const EntryOrder& order,
                                                                  EntryKind kind)
{
    auto parsed = mail::Address::parse(order.address);
    if (!parsed) co_return Result<void>{};
    auto about = co_await permits_.subject(order.address);
    if (!about) co_return std::unexpected(about.error());
    for (const auto act : acts_of(order, kind)) {
        if (permits_.may(request, act, *about)) continue;
        const auto instead = acts_of(order, EntryKind::user).front();
        std::string whom = permits_.own_form(*parsed).text();
        auto permitted = co_await permits_.require(request, instead, std::move(whom));
        if (!permitted) co_return std::unexpected(permitted.error());
    }
    co_return Result<void>{};
}

// The change stands whether or not the code can be sent: its owner can have another, once they have logged in.
boost::asio::awaitable<std::string> EntriesApi::ask_to_confirm(Edited edited) const
{
    const auto now = edited.now.entry;
    const bool is_new = !edited.before || edited.before->non_secure != now->non_secure;
    if (!is_new || now->non_secure.empty() || now->non_secure_history.confirmed) co_return std::string{};
    auto sent = co_await send_address_code(services_, now->address);
    if (sent)
        co_return fmt::format("{} counts once its owner has confirmed it with the code that was mailed there",
                              now->non_secure);
    services_.log.warning("no code was mailed",
                          {{"recipient", now->address.text()}, {"reason", sent.error().describe()}});
    co_return fmt::format("{} has to be confirmed, but no code was mailed there: {}", now->non_secure,
                          sent.error().describe());
}

// Somebody else may have changed it, to have warnings sent to themselves.
void EntriesApi::tell_of_new_address(const Edited& edited) const
{
    const auto& now = edited.now.entry;
    if (!edited.before || edited.before->non_secure == now->non_secure) return;
    const auto at = services_.clock.now();
    const auto snapshot = policy();
    ports::tell_non_secure_changed(services_.alarms, login_owner(*snapshot, *edited.before, at),
                                   at + snapshot->logins().non_secure_rests);
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
    const auto object = object_in(request.body);
    if (object.empty()) co_return wrong(request, "the body must be a JSON object");
    const auto address = mail::Address::parse(text_in(object, "who"));
    if (!address) co_return wrong(request, "who is the address of a user");
    const auto own = permits_.own_form(*address);
    const auto role = vocabulary::role_named(text_in(object, "role"));
    if (!role || *role == Role::user || *role == Role::portal) {
        std::vector<std::string_view> names;
        for (const auto& one : vocabulary::roles())
            if (one.role != Role::user && one.role != Role::portal) names.push_back(one.name);
        co_return wrong(request, fmt::format("role is one of {}", fmt::join(names, ", ")));
    }
    directory::Grant grant{
        .key = own.key(), .role = *role, .organisation = {}, .at = services_.clock.now(), .by = request.caller.name};
    const auto* take = object.if_contains("take");
    const bool takes = take != nullptr && take->is_bool() && take->get_bool();
    auto whom = co_await permits_.subject(own.text());
    if (!whom) co_return denied(whom.error(), request);
    if (*role == Role::organisation_administrator) {
        grant.organisation = text_in(object, "organisation");
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
    auto as_much = co_await permits_.require_as_much(request, *role, own.text());
    if (!as_much) co_return denied(as_much.error(), request);
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

// One entry, for rehearsals that ask the live directory.
EntriesApi::Answer EntriesApi::entry(Request request)
{
    const auto address = mail::Address::parse(parameter(request, "address"));
    if (!address) co_return wrong(request, "say ?address=ADDRESS");
    auto found = co_await services_.directory.find(*address);
    if (!found) co_return denied(found.error(), request);
    // Rehearsals are of who works on the policy; anybody else sees here what they can find.
    policy::Subject service;
    const bool seen = *found && (permits_.may(request, Act::see_policy, service) || is_seen(request, **found));
    if (!seen) co_return wrong(request, fmt::format("there is no entry for <{}>", printable(address->text())), 404);
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
