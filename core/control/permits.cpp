#include "control/permits.hpp"

#include "base/text.hpp"
#include "gateway/address_forms.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>

namespace postern::control {

namespace {

using policy::Caller;
using policy::HeldRole;
using policy::Subject;
using vocabulary::Act;
using vocabulary::Role;

constexpr std::string_view not_permitted = "not permitted: ";

/// A row for each path, or beginning of paths, that concerns the service as a whole.
struct Gate {
    std::string_view method;
    std::string_view path;
    bool beginning;
    Act act;
};
constexpr Gate gates[] = {
    {"GET", "/v1/status", false, Act::see_status},
    {"GET", "/v1/health", false, Act::see_status},
    {"GET", "/metrics", false, Act::see_status},
    {"GET", "/v1/alerts", true, Act::see_status},
    {"POST", "/v1/alerts", true, Act::manage_alerts},
    {"GET", "/v1/maintenance", true, Act::see_status},
    {"POST", "/v1/maintenance", true, Act::manage_alerts},
    {"POST", "/v1/check", false, Act::see_policy},
    {"GET", "/v1/generations", true, Act::see_policy},
    {"POST", "/v1/generations", true, Act::apply_policy},
    {"POST", "/v1/reload", false, Act::apply_policy},
    {"POST", "/v1/apply", false, Act::apply_policy},
    {"POST", "/v1/confirm", false, Act::apply_policy},
    {"POST", "/v1/revert", false, Act::apply_policy},
    {"GET", "/v1/firmware", true, Act::see_firmware},
    {"POST", "/v1/firmware", true, Act::manage_firmware},
    {"GET", "/v1/backup/piece", false, Act::make_backup},
    {"GET", "/v1/backup", false, Act::see_status},
    {"POST", "/v1/backup", false, Act::make_backup},
    {"POST", "/v1/backup/drop", false, Act::make_backup},
    {"POST", "/v1/backup/upload", false, Act::restore_backup},
    {"POST", "/v1/backup/restore", false, Act::restore_backup},
    {"GET", "/v1/queue", true, Act::see_queue},
    {"POST", "/v1/queue", true, Act::manage_queue},
    {"GET", "/v1/quarantine", true, Act::see_quarantine},
    {"GET", "/v1/directory/import", false, Act::import_directory},
    {"POST", "/v1/directory/import", false, Act::import_directory},
    {"GET", "/v1/audit", true, Act::see_audit},
    {"POST", "/v1/audit/retention", false, Act::apply_policy},
    {"GET", "/v1/directory/entry", false, Act::find_user},
};

bool is_administrator(const vocabulary::Organisation& organisation, const std::string& key)
{
    return std::ranges::any_of(organisation.administrators,
                               [&](const mail::Address& administrator) { return administrator.key() == key; });
}

}  // namespace

std::optional<Act> act_of(const Request& request)
{
    if (request.method == "POST" && request.path.starts_with("/v1/quarantine/"))
        return request.path.ends_with("/delete") ? Act::delete_quarantine : Act::release_quarantine;
    for (const auto& gate : gates) {
        const bool here = gate.beginning ? request.path.starts_with(gate.path) : request.path == gate.path;
        if (here && request.method == gate.method) return gate.act;
    }
    return std::nullopt;
}

Response denied(const Fault& fault, const Request& request)
{
    unsigned status = 400;
    if (fault.retry() == Retry::later)
        status = 503;
    else if (fault.detail().starts_with(not_permitted))
        status = 403;
    return Response::error(status, fault.describe(), request.wants_text);
}

mail::Address Permits::own_form(const mail::Address& address) const
{
    return gateway::own_form(*policy(), address);
}

Permits::Async<Result<Caller>> Permits::person(mail::Address address)
{
    const auto snapshot = policy();
    Caller caller;
    caller.name = address.text();
    caller.key = address.key();
    auto entry = co_await services_.directory.find(address);
    if (!entry) co_return std::unexpected(entry.error());
    const auto owner = snapshot->owner_of(address.domain());
    if (*entry)
        caller.organisation = (*entry)->organisation;
    else if (owner && owner->organisation)
        caller.organisation = owner->organisation->id;
    const bool active = *entry && (*entry)->status == directory::EntryStatus::active;
    // Who is suspended or removed holds no role, whatever was granted.
    if (*entry && !active) co_return caller;
    if (active && (*entry)->kind == directory::EntryKind::user)
        caller.roles.push_back({Role::user, caller.organisation, "is an active user"});
    // Whom an organisation's file names needs no entry for it; a grant does.
    Result<std::vector<HeldRole>> given = named_by_file(address, caller.organisation);
    if (active) given = co_await roles_given(address, caller.organisation);
    if (!given) co_return std::unexpected(given.error());
    caller.roles.insert(caller.roles.end(), given->begin(), given->end());
    co_return caller;
}

std::vector<HeldRole> Permits::named_by_file(const mail::Address& address, const std::string& organisation) const
{
    const auto snapshot = policy();
    const auto* home = snapshot->organisation(organisation);
    if (home == nullptr || !is_administrator(*home, address.key())) return {};
    return {{Role::organisation_administrator, home->id, fmt::format("the file of {} names them", home->id)}};
}

Permits::Async<Result<std::vector<HeldRole>>> Permits::roles_given(mail::Address address, std::string organisation)
{
    auto roles = named_by_file(address, organisation);
    auto grants = co_await services_.directory.administration().grants_of(address.key());
    if (!grants) co_return std::unexpected(grants.error());
    for (const auto& grant : *grants)
        roles.push_back(
            {grant.role, grant.organisation, fmt::format("granted by {} on {:.10}", grant.by, to_iso8601(grant.at))});
    co_return roles;
}

Permits::Async<Result<void>> Permits::require_as_much(const Request& request, mail::Address address)
{
    auto found = co_await person(address);
    if (!found) co_return std::unexpected(found.error());
    auto roles = co_await roles_given(address, found->organisation);
    if (!roles) co_return std::unexpected(roles.error());
    for (const auto& held : *roles)
        if (auto may = co_await require_as_much(request, held.role, address.text()); !may) co_return may;
    co_return Result<void>{};
}

Permits::Async<Result<void>> Permits::require_as_much(const Request& request, Role role, std::string whom)
{
    if (role == Role::user || role == Role::organisation_administrator ||
        policy()->powers().covers(request.caller, role))
        co_return Result<void>{};
    auto reason = fmt::format("{} may do what you may not", name_of(role));
    auto noted = co_await note(record(request, "grant_role", std::move(whom), "denied", reason));
    if (!noted) co_return noted;
    co_return fault(Retry::never, std::string(not_permitted) + reason);
}

Permits::Async<Result<void>> Permits::identify(Request& request)
{
    request.caller.name = request.actor;
    request.caller.roles = policy()->powers().roles_of_name(request.actor, request.owner);
    request.counts_as = request.actor;
    if (request.acting_for.empty()) co_return Result<void>{};
    const auto address = mail::Address::parse(request.acting_for);
    if (!address) co_return fault(Retry::never, "it is asked in the name of what is no address");
    const auto own = own_form(*address);
    auto may_act = co_await require(request, Act::act_for_user, own.text());
    if (!may_act) co_return may_act;
    auto found = co_await person(own);
    if (!found) co_return std::unexpected(found.error());
    // A portal is nobody's second person: what it brings counts as the person's. Who could do as much in their own name
    // counts as themselves, in whosever name they ask.
    const bool only_brings = !consents(request.caller);
    request.caller = std::move(*found);
    if (only_brings) request.counts_as = request.caller.key;
    request.caller.name = fmt::format("{} (by {})", request.caller.key, request.actor);
    request.actor = request.caller.key;  // one spelling, whatever was typed
    co_return Result<void>{};
}

bool Permits::consents(const Caller& caller) const
{
    constexpr std::array<Act, 5> acts{Act::release_quarantine, Act::handle_case, Act::exceptional_access,
                                      Act::reset_second_factor, Act::apply_policy};
    const auto snapshot = policy();
    return std::ranges::any_of(acts, [&](Act act) { return snapshot->powers().may(caller, act, {}).allowed; });
}

Subject Permits::organisation_subject(const std::string& id) const
{
    const auto snapshot = policy();
    Subject subject;
    subject.shown = id.empty() ? "the service" : id;
    std::string at = id;
    while (!at.empty() && subject.organisations.size() < 64) {
        subject.organisations.push_back(at);
        const auto* organisation = snapshot->organisation(at);
        at = organisation != nullptr ? organisation->part_of : std::string{};
    }
    return subject;
}

Permits::Async<Result<Subject>> Permits::subject(std::string whom)
{
    if (whom.find('@') == std::string::npos) co_return organisation_subject(printable(whom, 100));
    const auto parsed = mail::Address::parse(whom);
    if (!parsed) co_return fault(Retry::never, fmt::format("\"{}\" is no address", printable(whom, 100)));
    const auto address = own_form(*parsed);
    auto found = co_await person(address);
    if (!found) co_return std::unexpected(found.error());
    auto subject = organisation_subject(found->organisation);
    subject.shown = address.text();
    subject.key = address.key();
    auto held = co_await roles_given(address, found->organisation);
    if (!held) co_return std::unexpected(held.error());
    subject.holds_role = !held->empty();
    co_return subject;
}

bool Permits::may(const Request& request, Act act, const Subject& subject) const
{
    return policy()->powers().may(request.caller, act, subject).allowed;
}

Permits::Async<Result<void>> Permits::require(const Request& request, Act act)
{
    Subject service;
    service.shown = "the service";
    return decide(request, act, std::move(service));
}

Permits::Async<Result<void>> Permits::require(const Request& request, Act act, std::string whom)
{
    auto about = co_await subject(std::move(whom));
    if (!about) co_return std::unexpected(about.error());
    co_return co_await decide(request, act, std::move(*about));
}

Permits::Async<Result<void>> Permits::decide(const Request& request, Act act, Subject subject)
{
    const auto decision = policy()->powers().may(request.caller, act, subject);
    if (decision.allowed) co_return Result<void>{};
    auto refusal = record(request, std::string(vocabulary::info(act).name), subject.shown, "denied", decision.reason);
    if (!subject.organisations.empty()) refusal.organisation = subject.organisations.front();
    services_.log.warning("not permitted", {{"actor", request.caller.name},
                                            {"act", vocabulary::info(act).name},
                                            {"recipient", subject.shown},
                                            {"reason", decision.reason}});
    auto noted = co_await note(std::move(refusal));
    if (!noted) co_return noted;
    co_return fault(Retry::never, std::string(not_permitted) + decision.reason);
}

directory::AuditRecord Permits::record(const Request& request, std::string act, std::string target, std::string outcome,
                                       std::string detail) const
{
    directory::AuditRecord record;
    record.at = services_.clock.now();
    record.actor = request.caller.name;
    record.counts_as = request.counts_as;
    record.act = std::move(act);
    record.target = std::move(target);
    record.outcome = std::move(outcome);
    record.detail = std::move(detail);
    return record;
}

Permits::Async<Result<void>> Permits::note(directory::AuditRecord record)
{
    auto noted = co_await services_.directory.administration().note(std::move(record));
    if (noted)
        services_.alarms.clear("audit");
    else
        services_.alarms.raise("audit", "What people do can't be put on record: " + noted.error().describe());
    co_return noted;
}

Permits::Async<Result<void>> Permits::note_look(const Request& request, std::string act, std::string target,
                                                std::string detail)
{
    auto looked = record(request, std::move(act), std::move(target), "done", std::move(detail));
    {
        constexpr std::size_t most_remembered = 20'000;
        constexpr auto a_while = std::chrono::minutes{10};
        const std::lock_guard lock(mutex_);
        const auto key = fmt::format("{}\n{}\n{}\n{}", looked.actor, looked.act, looked.target, looked.detail);
        if (looks_.size() >= most_remembered) looks_.clear();
        const auto [found, is_new] = looks_.try_emplace(key, looked.at);
        if (!is_new && looked.at - found->second < a_while) co_return Result<void>{};
        found->second = looked.at;
    }
    if (const auto address = mail::Address::parse(looked.target)) {
        const auto owner = policy()->owner_of(address->domain());
        if (owner && owner->organisation) looked.organisation = owner->organisation->id;
    }
    co_return co_await note(std::move(looked));
}

}  // namespace postern::control
