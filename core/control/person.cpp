#include "control/person.hpp"

#include "base/text.hpp"
#include "control/entry_rules.hpp"
#include "control/json_body.hpp"
#include "ledger/history.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

using vocabulary::Act;

constexpr std::string_view path = "/v1/person/";
constexpr std::size_t most_messages = 10'000;  ///< each of those sent and received

json::object entry_of(const directory::StandingEntry& standing)
{
    const auto& entry = *standing.entry;
    json::object object{{"address", entry.address.text()},
                        {"organisation", entry.organisation},
                        {"kind", std::string(vocabulary::name_of(entry.kind))},
                        {"status", std::string(vocabulary::name_of(entry.status))},
                        {"name", entry.name},
                        {"function", entry.function},
                        {"owner", entry.owner},
                        {"moved_to", entry.moved_to},
                        {"ex_directory", entry.ex_directory},
                        {"non_secure", entry.non_secure},
                        {"non_secure_before", entry.non_secure_history.before},
                        {"non_secure_confirmed", entry.non_secure_history.confirmed},
                        {"version", standing.version},
                        {"changed", to_iso8601(standing.changed)},
                        {"changed_by", standing.changed_by}};
    json::object details;
    for (const auto& [name, value] : entry.details) details[name] = value;
    object["details"] = std::move(details);
    return object;
}

json::array memberships_of(const directory::PersonKept& kept)
{
    json::array all;
    for (const auto& one : kept.memberships) {
        json::object object{{"address", one.address}, {"kind", one.kind}};
        if (one.kind == "group") object["may"] = {{"read", one.read}, {"write", one.write}, {"mail", one.mail}};
        all.push_back(std::move(object));
    }
    return all;
}

json::object login_of(const directory::LoginState& login)
{
    json::object object{{"user_name", login.user_name},
                        {"password_changed", to_iso8601(login.changed)},
                        {"codes_by_program", login.by_program},
                        {"codes_by_mail", login.by_mail},
                        {"sessions", login.sessions}};
    if (login.last_login) object["last_login"] = to_iso8601(*login.last_login);
    return object;
}

json::array cases_of(const std::vector<directory::Case>& cases)
{
    json::array all;
    for (const auto& one : cases)
        all.push_back({{"number", one.number},
                       {"at", to_iso8601(one.at)},
                       {"kind", one.kind},
                       {"opened_by", one.opened_by},
                       {"text", one.text},
                       {"state", one.state},
                       {"closed_by", one.closed_by},
                       {"outcome", one.outcome}});
    return all;
}

json::array accesses_of(const std::vector<directory::Access>& accesses)
{
    json::array all;
    for (const auto& one : accesses)
        all.push_back({{"who", one.who},
                       {"reason", one.reason},
                       {"begun", to_iso8601(one.begun)},
                       {"until", one.until ? to_iso8601(*one.until) : std::string{}},
                       {"ended", one.ended ? to_iso8601(*one.ended) : std::string{}}});
    return all;
}

}  // namespace

bool PersonApi::is_mine(const Request& request)
{
    return request.path.starts_with(path);
}

PersonApi::Answer PersonApi::handle(Request request)
{
    auto which = request.path.substr(path.size());
    std::string what;
    if (const auto slash = which.find('/'); slash != std::string::npos) {
        what = which.substr(slash + 1);
        which.resize(slash);
    }
    const auto parsed = mail::Address::parse(which);
    if (!parsed) co_return wrong(request, fmt::format("\"{}\" is no address", printable(which, 100)));
    auto address = permits_.own_form(*parsed);
    if (request.method == "GET" && what.empty())
        co_return co_await export_person(std::move(request), std::move(address));
    if (request.method == "POST" && what == "forget") co_return co_await forget(std::move(request), std::move(address));
    co_return wrong(request, fmt::format("there is no {} {}", request.method, printable(request.path)), 404);
}

PersonApi::Answer PersonApi::export_person(Request request, mail::Address address)
{
    auto permitted = co_await permits_.require(request, Act::export_person, address.text());
    if (!permitted) co_return denied(permitted.error(), request);
    auto& administration = services_.directory.administration();
    auto& logins = services_.directory.logins();
    auto kept = co_await administration.kept_about(address);
    if (!kept) co_return denied(kept.error(), request);
    auto grants = co_await administration.grants_of(address.key());
    if (!grants) co_return denied(grants.error(), request);
    auto login = co_await logins.state(address);
    if (!login) co_return denied(login.error(), request);
    auto accesses = co_await logins.accesses(address, true, services_.clock.now());
    if (!accesses) co_return denied(accesses.error(), request);
    auto messages = co_await messages_of(address);
    if (!messages) co_return denied(messages.error(), request);

    json::object object{{"about", address.text()}, {"at", to_iso8601(services_.clock.now())}};
    if (kept->standing.entry) object["entry"] = entry_of(kept->standing);
    object["groups_and_lists"] = memberships_of(*kept);
    json::array roles;
    for (const auto& grant : *grants)
        roles.push_back({{"role", std::string(vocabulary::name_of(grant.role))},
                         {"organisation", grant.organisation},
                         {"by", grant.by},
                         {"at", to_iso8601(grant.at)}});
    object["roles"] = std::move(roles);
    if (*login) object["login"] = login_of(**login);
    object["security_questions"] = json::value_from(kept->questions);
    if (kept->last_active) object["last_active"] = to_iso8601(*kept->last_active);
    object["accesses"] = accesses_of(*accesses);
    object["cases"] = cases_of(kept->cases);
    json::array records;
    for (const auto& record : kept->audit) records.push_back(json::parse(directory::print_record(record)));
    object["audit"] = std::move(records);
    object["messages"] = std::move(*messages);
    auto noted = co_await permits_.note_look(request, "export_person", address.text());
    if (!noted) co_return denied(noted.error(), request);
    co_return Response::json(std::move(object));
}

boost::asio::awaitable<Result<json::array>> PersonApi::messages_of(mail::Address address)
{
    const auto policy = services_.generations.current()->policy;
    vocabulary::DirectoryEntry entry;
    entry.address = address;
    const auto inside = login_owner(*policy, entry, services_.clock.now()).user;
    json::array all;
    for (const bool sent : {true, false}) {
        store::TraceFilter filter;
        (sent ? filter.from : filter.to) = inside;
        filter.limit = most_messages;
        auto found = co_await services_.store.trace(std::move(filter));
        if (!found) co_return std::unexpected(found.error());
        for (auto& trace : *found) {
            // Who else got it is theirs to know only of what they sent.
            if (!sent) {
                std::erase_if(trace.recipients, [&](const auto& one) { return !iequals(one.address, inside); });
                std::erase_if(trace.events, [&](const auto& one) {
                    return !one.recipient.empty() && !iequals(one.recipient, inside);
                });
            }
            all.push_back(ledger::trace_json(trace));
        }
    }
    co_return all;
}

PersonApi::Answer PersonApi::forget(Request request, mail::Address address)
{
    auto permitted = co_await permits_.require(request, Act::forget_person, address.text());
    if (!permitted) co_return denied(permitted.error(), request);
    auto record = permits_.record(request, "forget_person");
    record.detail = printable(text_in(object_in(request.body), "reason"), 500);
    auto gone = co_await services_.directory.administration().forget(address, std::move(record));
    if (!gone) co_return wrong(request, gone.error().describe(), gone.error().retry() == Retry::later ? 503 : 409);
    if (!*gone) co_return wrong(request, fmt::format("there is no entry {}", address.text()), 404);
    co_return done(request,
                   fmt::format("what was kept about {} is deleted; the address stays known as one that was, and "
                               "the audit keeps its records until their time",
                               address.text()));
}

}  // namespace postern::control
