#include "control/cases.hpp"

#include "base/text.hpp"
#include "control/given_password.hpp"
#include "control/json_body.hpp"
#include "control/login_owner.hpp"
#include "policy/parse.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <charconv>

namespace postern::control {

namespace json = boost::json;

namespace {

using vocabulary::Act;

constexpr std::string_view cases_path = "/v1/cases";
constexpr std::string_view accesses_path = "/v1/accesses";

std::optional<std::int64_t> number_in(std::string_view text)
{
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

json::object access_json(const directory::Access& access)
{
    json::object object{{"number", access.number},
                        {"about", access.about},
                        {"who", access.who},
                        {"reason", access.reason},
                        {"begun", to_iso8601(access.begun)}};
    if (access.until) object["until"] = to_iso8601(*access.until);
    if (access.ended) object["ended"] = to_iso8601(*access.ended);
    return object;
}

}  // namespace

bool CasesApi::is_mine(const Request& request)
{
    return request.path.starts_with(cases_path) || request.path.starts_with(accesses_path);
}

CasesApi::Answer CasesApi::handle(Request request)
{
    const bool post = request.method == "POST";
    if (request.method == "GET" && request.path == cases_path) co_return co_await cases(std::move(request));
    if (request.method == "GET" && request.path == accesses_path) co_return co_await accesses(std::move(request));
    if (post && request.path == accesses_path) co_return co_await ask_access(std::move(request));
    constexpr std::string_view one_case = "/v1/cases/", one_access = "/v1/accesses/", end = "/end";
    if (post && request.path.starts_with(one_case)) {
        auto which = request.path.substr(one_case.size());
        co_return co_await decide(std::move(request), std::move(which));
    }
    if (post && request.path.starts_with(one_access) && request.path.ends_with(end)) {
        auto which = request.path.substr(one_access.size());
        which.resize(which.size() - end.size());
        co_return co_await end_access(std::move(request), std::move(which));
    }
    co_return wrong(request, fmt::format("there is no {} {}", request.method, printable(request.path)), 404);
}

CasesApi::Answer CasesApi::cases(Request request)
{
    auto permitted = co_await permits_.require(request, Act::see_cases);
    if (!permitted) co_return denied(permitted.error(), request);
    auto found = co_await logins().cases(request.query.contains("all"));
    if (!found) co_return denied(found.error(), request);
    json::array all;
    std::string text;
    for (auto& one : *found) {
        // A helper knows whom they asked for, and not from here whose user name that is, or whether it is anybody's.
        if (one.kind == "reset" &&
            !permits_.may(request, Act::see_hidden, permits_.organisation_subject(one.organisation))) {
            one.about.clear();
            one.organisation.clear();
        }
        text += fmt::format("{:>5}  {}  {:<14} {:<40} {} by {}{}{}\n", one.number, to_iso8601(one.at), one.kind,
                            one.who.empty() ? one.about : one.about + " for " + one.who, one.state, one.opened_by,
                            one.text.empty() ? "" : ": " + one.text,
                            one.outcome.empty() ? "" : fmt::format(" ({} by {})", one.outcome, one.closed_by));
        all.push_back({{"number", one.number},
                       {"at", to_iso8601(one.at)},
                       {"kind", one.kind},
                       {"about", one.about},
                       {"organisation", one.organisation},
                       {"opened_by", one.opened_by},
                       {"text", one.text},
                       {"who", one.who},
                       {"state", one.state},
                       {"closed_by", one.closed_by},
                       {"outcome", one.outcome}});
    }
    if (request.wants_text) co_return Response::text(text.empty() ? "no case is open\n" : std::move(text));
    co_return Response::json({{"cases", std::move(all)}});
}

CasesApi::Answer CasesApi::decide(Request request, std::string which)
{
    const auto number = number_in(which);
    if (!number) co_return wrong(request, "a case has a number", 404);
    auto asked = co_await logins().find_case(*number);
    if (!asked) co_return denied(asked.error(), request);
    Result<void> permitted;
    if (*asked && (*asked)->kind == "exceptional_access")
        permitted = co_await permits_.require(request, Act::exceptional_access, (*asked)->about);
    else
        permitted = co_await permits_.require(request, Act::handle_case);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto about = mail::Address::parse(*asked ? (*asked)->about : std::string{});
    if (about && (*asked)->kind != "exceptional_access") {
        permitted = co_await permits_.require_as_much(request, permits_.own_form(*about));
        if (!permitted) co_return denied(permitted.error(), request);
    }
    const auto said = object_in(request.body);
    const auto* grant = said.if_contains("grant");
    if (grant == nullptr || !grant->is_bool()) co_return wrong(request, "say grant: true or false");
    auto record = permits_.record(request, "handle_case");
    auto declared = services_.generations.current()->policy->logins();
    auto reason = printable(text_in(said, "reason"), 500);
    const bool grants = grant->get_bool();
    auto decided = co_await logins().decide(*number, grants, std::move(reason), std::move(declared), std::move(record));
    if (!decided)
        co_return wrong(request, decided.error().describe(), decided.error().retry() == Retry::later ? 503 : 409);
    if (grants) co_await tell(decided->now);
    if (decided->given) co_return done(request, given_text(*decided->given), given_json(*decided->given));
    co_return done(request, "closed");
}

// Whom it is about hears of it, at both addresses.
boost::asio::awaitable<void> CasesApi::tell(directory::Case decided)
{
    const auto owner = co_await owner_of(services_, decided.about);
    if (!owner) co_return;
    if (decided.kind == "second_factor")
        ports::tell_second_factor_reset(services_.alarms, *owner);
    else if (decided.kind == "exceptional_access")
        ports::tell_exceptional_access(services_.alarms, *owner, decided.who, decided.until, false);
    else
        ports::tell_password_reset(services_.alarms, *owner, "by the service manager");
}

CasesApi::Answer CasesApi::accesses(Request request)
{
    std::optional<mail::Address> about;
    const auto said = request.query.find("about");
    if (said != request.query.end()) {
        const auto parsed = mail::Address::parse(said->second);
        if (!parsed) co_return wrong(request, fmt::format("\"{}\" is no address", printable(said->second, 100)));
        about = permits_.own_form(*parsed);
    }
    // Everybody may see who can read their mail.
    if (!about || about->key() != request.caller.key) {
        std::string whom = about ? about->text() : std::string{};
        auto permitted = co_await permits_.require(request, Act::see_cases, std::move(whom));
        if (!permitted) co_return denied(permitted.error(), request);
    }
    auto found = co_await logins().accesses(std::move(about), request.query.contains("all"), services_.clock.now());
    if (!found) co_return denied(found.error(), request);
    json::array all;
    std::string text;
    for (const auto& one : *found) {
        text += fmt::format("{:>5}  {:<40} {:<40} {}{}: {}\n", one.number, one.about, one.who,
                            one.until ? "until " + to_iso8601(*one.until) : std::string("until taken away"),
                            one.ended ? ", ended " + to_iso8601(*one.ended) : std::string{}, one.reason);
        all.push_back(access_json(one));
    }
    if (request.wants_text) co_return Response::text(text.empty() ? "nobody has access\n" : std::move(text));
    co_return Response::json({{"accesses", std::move(all)}});
}

CasesApi::Answer CasesApi::ask_access(Request request)
{
    const auto said = object_in(request.body);
    const auto about = mail::Address::parse(text_in(said, "about")), who = mail::Address::parse(text_in(said, "who"));
    if (!about || !who) co_return wrong(request, "say about: whose mailbox, and who: is to have access");
    directory::Access wanted;
    wanted.about = permits_.own_form(*about).text();
    wanted.who = permits_.own_form(*who).text();
    wanted.reason = printable(text_in(said, "reason"), 500);
    if (wanted.reason.empty()) co_return wrong(request, "say reason: it is kept on record");
    if (const auto until = text_in(said, "until"); !until.empty()) {
        const auto parsed = policy::parse_instant(until);
        if (parsed) wanted.until = *parsed;
        if (!wanted.until || *wanted.until <= services_.clock.now())
            co_return wrong(request, "until is a time to come, such as 2026-12-01T06:00:00Z");
    }
    auto permitted = co_await permits_.require(request, Act::exceptional_access, wanted.about);
    if (!permitted) co_return denied(permitted.error(), request);
    const bool two = services_.generations.current()->policy->needs_second_person("exceptional_access");
    auto record = permits_.record(request, "exceptional_access");
    auto number = co_await logins().ask_access(wanted, two, std::move(record));
    if (!number) co_return denied(number.error(), request);
    const auto owner = co_await owner_of(services_, wanted.about);
    if (owner && *number) ports::tell_case_opened(services_.alarms, **number, "exceptional_access", *owner);
    if (owner && !*number) ports::tell_exceptional_access(services_.alarms, *owner, wanted.who, wanted.until, false);
    if (!*number) co_return done(request, fmt::format("{} has access", wanted.who));
    if (request.wants_text)
        co_return Response::text(fmt::format("case {}: a second person must agree\n", **number), 202);
    co_return Response::json({{"case", **number}}, 202);
}

CasesApi::Answer CasesApi::end_access(Request request, std::string which)
{
    const auto number = number_in(which);
    if (!number) co_return wrong(request, "an access has a number: postern access list", 404);
    auto goes_on = co_await logins().accesses(std::nullopt, true, services_.clock.now());
    if (!goes_on) co_return denied(goes_on.error(), request);
    std::string about;
    for (const auto& one : *goes_on)
        if (one.number == *number) about = one.about;
    auto permitted = co_await permits_.require(request, Act::exceptional_access, about);
    if (!permitted) co_return denied(permitted.error(), request);
    auto record = permits_.record(request, "end_access");
    auto ended = co_await logins().end_access(*number, std::move(record));
    if (!ended) co_return denied(ended.error(), request);
    if (!*ended) co_return wrong(request, fmt::format("there is no access {} that goes on", *number), 404);
    const auto owner = co_await owner_of(services_, (*ended)->about);
    if (owner) ports::tell_exceptional_access(services_.alarms, *owner, (*ended)->who, (*ended)->until, true);
    co_return done(request, "ended");
}

}  // namespace postern::control
