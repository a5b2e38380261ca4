#include "control/logins.hpp"

#include "base/text.hpp"
#include "control/entry_rules.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <charconv>

namespace postern::control {

namespace json = boost::json;

namespace {

using directory::Credentials;
using directory::GivenPassword;
using directory::LoginAnswer;
using vocabulary::Act;

constexpr std::string_view login_path = "/v1/login";
constexpr std::string_view logins_path = "/v1/logins/";
constexpr std::string_view cases_path = "/v1/cases";

json::object object_in(const std::string& body)
{
    boost::system::error_code malformed;
    auto value = json::parse(body, malformed);
    return malformed || !value.is_object() ? json::object{} : std::move(value.get_object());
}

std::string text_in(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

std::map<std::string, std::string> texts_in(const json::object& object, const char* name)
{
    std::map<std::string, std::string> texts;
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_object()) return texts;
    for (const auto& item : value->get_object())
        if (item.value().is_string()) texts[std::string(item.key())] = std::string(item.value().get_string());
    return texts;
}

Response wrong(const Request& request, const std::string& what, unsigned status = 400)
{
    return Response::error(status, what, request.wants_text);
}

Response done(const Request& request, const std::string& text, json::object object = {})
{
    if (request.wants_text) return Response::text(text + "\n");
    object["done"] = true;
    return Response::json(object);
}

json::object given_json(const GivenPassword& given)
{
    return {{"user_name", given.user_name},
            {"one_time_password", given.password},
            {"valid_until", to_iso8601(given.valid_until)}};
}

std::string given_text(const GivenPassword& given)
{
    return fmt::format("user name          {}\none-time password  {}\ngood until         {}", given.user_name,
                       given.password, to_iso8601(given.valid_until));
}

std::string_view name_of(LoginAnswer::Outcome outcome)
{
    switch (outcome) {
        case LoginAnswer::Outcome::granted:
            return "granted";
        case LoginAnswer::Outcome::must_change:
            return "must_change";
        case LoginAnswer::Outcome::needs_code:
            return "needs_code";
        case LoginAnswer::Outcome::refused:
            break;
    }
    return "refused";
}

}  // namespace

bool LoginsApi::is_mine(const Request& request)
{
    return request.path == login_path || request.path.starts_with("/v1/login/") ||
           request.path.starts_with(logins_path) || request.path.starts_with(cases_path);
}

LoginsApi::Answer LoginsApi::handle(Request request)
{
    const bool post = request.method == "POST";
    if (post && request.path == login_path) return login(std::move(request), {});
    constexpr std::string_view below = "/v1/login/";
    if (post && request.path.starts_with(below)) {
        auto what = request.path.substr(below.size());
        return login(std::move(request), std::move(what));
    }
    if (request.path.starts_with(logins_path)) {
        auto which = request.path.substr(logins_path.size());
        std::string what;
        if (const auto slash = which.find('/'); slash != std::string::npos) {
            what = which.substr(slash + 1);
            which.resize(slash);
        }
        return one(std::move(request), std::move(which), std::move(what));
    }
    if (request.method == "GET" && request.path == cases_path) return cases(std::move(request));
    if (post && request.path.size() > cases_path.size() + 1) {
        auto which = request.path.substr(cases_path.size() + 1);
        return decide(std::move(request), std::move(which));
    }
    return [](Request unknown) -> Answer {
        co_return wrong(unknown, fmt::format("there is no {} {}", unknown.method, printable(unknown.path)), 404);
    }(std::move(request));
}

LoginsApi::Answer LoginsApi::login(Request request, std::string what)
{
    auto permitted = co_await permits_.require(request, Act::act_for_user);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto said = object_in(request.body);
    request.body.clear();  // there are secrets in it
    Credentials given{text_in(said, "user_name"), text_in(said, "password"), text_in(said, "code")};
    if (given.user_name.empty() || given.user_name.size() > 300 || given.password.size() > 1024)
        co_return wrong(request, "say user_name and password");
    const Instant now = services_.clock.now();
    const auto declared = rules();
    if (what.empty()) co_return co_await check(std::move(request), std::move(given));
    if (what == "password") {
        auto fresh = text_in(said, "new");
        auto changed = co_await logins().change(std::move(given), std::move(fresh), declared, now);
        if (!changed) co_return wrong(request, changed.error().describe());
        co_return done(request, "the password is changed; other sessions have ended");
    }
    if (what == "facts") {
        auto facts = texts_in(said, "facts");
        auto set = co_await logins().set_facts(std::move(given), std::move(facts), declared, now);
        if (!set) co_return wrong(request, set.error().describe());
        co_return done(request, "the answers are kept, as hashes");
    }
    if (what == "factor") {
        const auto issuer = services_.generations.current()->policy->community().suffix.text();
        auto factor = co_await logins().begin_factor(std::move(given), issuer, declared, now);
        if (!factor) co_return wrong(request, factor.error().describe());
        co_return done(request, factor->uri, {{"secret", factor->secret}, {"uri", factor->uri}});
    }
    if (what == "confirm") {
        // The code is that of the new secret, and not one of a factor that is there.
        const auto code = std::exchange(given.code, text_in(said, "old_code"));
        auto secret = text_in(said, "secret");
        auto codes = co_await logins().confirm_factor(std::move(given), std::move(secret), code, declared, now);
        if (!codes) co_return wrong(request, codes.error().describe());
        json::array all;
        std::string text = "recovery codes, each good once:";
        for (const auto& one : *codes) {
            all.emplace_back(one);
            text += "\n  " + one;
        }
        co_return done(request, text, {{"recovery_codes", std::move(all)}});
    }
    co_return wrong(request, fmt::format("a login can't {}", printable(what, 60)), 404);
}

LoginsApi::Answer LoginsApi::check(Request request, Credentials given)
{
    auto declared = rules();
    auto answer = co_await logins().check(std::move(given), std::move(declared), services_.clock.now());
    if (!answer) co_return denied(answer.error(), request);
    using Outcome = LoginAnswer::Outcome;
    if (answer->locked_now) {
        const Instant until = services_.clock.now() + rules().locked_for;
        services_.log.warning("login locked", {{"recipient", answer->address}, {"reason", "wrong answers"}});
        co_await tell_of_lock(answer->address, until);
    }
    json::object object{{"outcome", std::string(name_of(answer->outcome))}};
    if (answer->outcome == Outcome::granted || answer->outcome == Outcome::must_change) {
        object["address"] = answer->address;
        object["organisation"] = answer->organisation;
        object["generation"] = answer->generation;
    }
    const unsigned code = answer->outcome == Outcome::refused ? 403 : 200;
    if (request.wants_text) co_return Response::text(std::string(name_of(answer->outcome)) + "\n", code);
    co_return Response::json(object, code);
}

// Its owner is told, by who declared that in alerts.yaml: it may be somebody else who guesses.
boost::asio::awaitable<void> LoginsApi::tell_of_lock(std::string address, std::optional<Instant> until)
{
    const auto own = mail::Address::parse(address);
    if (!own) co_return;
    auto entry = co_await services_.directory.find(*own);
    if (!entry || !*entry) co_return;
    const auto policy = services_.generations.current()->policy;
    ports::tell_login_locked(services_.alarms, login_owner(*policy, **entry), until);
}

LoginsApi::Answer LoginsApi::one(Request request, std::string which, std::string what)
{
    const auto parsed = mail::Address::parse(which);
    if (!parsed) co_return wrong(request, fmt::format("\"{}\" is no address", printable(which, 100)));
    auto address = permits_.own_form(*parsed);
    const bool get = request.method == "GET";
    if (get && what.empty()) co_return co_await state(std::move(request), std::move(address));
    auto act = what == "factor" ? Act::reset_second_factor : what == "invite" ? Act::add_user : Act::reset_password;
    auto permitted = co_await permits_.require(request, act, address.text());
    if (!permitted) co_return denied(permitted.error(), request);
    if (get && what == "reset") co_return co_await questions(std::move(request), std::move(address));
    auto said = object_in(request.body);
    request.body.clear();
    if (!get && what == "reset") co_return co_await reset(std::move(request), std::move(address), std::move(said));
    if (!get && what == "invite") co_return co_await invite(std::move(request), std::move(address));
    if (!get && what == "unlock") co_return co_await unlock(std::move(request), std::move(address));
    if (!get && what == "factor") {
        auto reason = printable(text_in(said, "reason"), 500);
        co_return co_await reset_factor(std::move(request), std::move(address), std::move(reason));
    }
    co_return wrong(request, fmt::format("there is no {} {}", request.method, printable(request.path)), 404);
}

LoginsApi::Answer LoginsApi::state(Request request, mail::Address address)
{
    if (address.key() != request.caller.key) {
        auto permitted = co_await permits_.require(request, Act::see_hidden, address.text());
        if (!permitted) co_return denied(permitted.error(), request);
    }
    auto found = co_await logins().state(address);
    if (!found) co_return denied(found.error(), request);
    if (!*found) co_return wrong(request, fmt::format("{} has no login", address.text()), 404);
    const auto& login = **found;
    json::object object{{"user_name", login.user_name},
                        {"password_changed", to_iso8601(login.changed)},
                        {"one_time", login.one_time},
                        {"second_factor", login.second_factor},
                        {"recovery_codes", login.recovery_codes},
                        {"facts", login.facts},
                        {"wrong_in_a_row", login.wrong},
                        {"reset_locked", login.reset_locked},
                        {"generation", login.generation}};
    if (login.valid_until) object["valid_until"] = to_iso8601(*login.valid_until);
    if (login.last_login) object["last_login"] = to_iso8601(*login.last_login);
    const bool locked = (login.locked_until && services_.clock.now() < *login.locked_until) ||
                        (!login.locked_until && !login.lock_reason.empty());
    object["locked"] = locked;
    if (locked) object["lock_reason"] = login.lock_reason;
    if (locked && login.locked_until) object["locked_until"] = to_iso8601(*login.locked_until);
    if (!request.wants_text) co_return Response::json(object);
    std::string text = address.text() + "\n";
    for (const auto& field : object)
        text += fmt::format(
            "  {:<18} {}\n", std::string_view(field.key()),
            field.value().is_string() ? std::string(field.value().get_string()) : json::serialize(field.value()));
    co_return Response::text(std::move(text));
}

LoginsApi::Answer LoginsApi::invite(Request request, mail::Address address)
{
    auto record = permits_.record(request, "invite");
    auto declared = rules();
    auto given = co_await logins().invite(address, std::move(declared), std::move(record));
    if (!given) co_return denied(given.error(), request);
    co_return done(request, given_text(*given), given_json(*given));
}

LoginsApi::Answer LoginsApi::unlock(Request request, mail::Address address)
{
    auto record = permits_.record(request, "unlock_login");
    auto changed = co_await logins().unlock(address, std::move(record));
    if (!changed) co_return denied(changed.error(), request);
    co_return done(request, *changed ? "unlocked" : "it was not locked", {{"changed", *changed}});
}

LoginsApi::Answer LoginsApi::questions(Request request, mail::Address address)
{
    auto declared = rules();
    auto asked = co_await logins().reset_questions(address, std::move(declared));
    if (!asked) co_return denied(asked.error(), request);
    json::array all;
    std::string text;
    for (const auto& question : *asked) {
        all.emplace_back(question);
        text += question + "\n";
    }
    if (request.wants_text) co_return Response::text(std::move(text));
    co_return Response::json({{"questions", std::move(all)}});
}

LoginsApi::Answer LoginsApi::reset(Request request, mail::Address address, json::object said)
{
    auto record = permits_.record(request, "reset_password");
    auto declared = rules();
    auto answers = texts_in(said, "answers");
    auto answer = co_await logins().reset(address, std::move(answers), std::move(declared), std::move(record));
    if (!answer) co_return denied(answer.error(), request);
    if (answer->given) {
        services_.log.info("password reset", {{"actor", request.caller.name}, {"recipient", address.text()}});
        co_return done(request, "yes\n" + given_text(*answer->given), given_json(*answer->given));
    }
    json::object object{{"done", false}};
    std::string text = "no";
    if (answer->case_number) {
        object["case"] = *answer->case_number;
        text += fmt::format(": it goes to the service manager as case {}", *answer->case_number);
    }
    if (request.wants_text) co_return Response::text(text + "\n", 403);
    co_return Response::json(object, 403);
}

LoginsApi::Answer LoginsApi::reset_factor(Request request, mail::Address address, std::string reason)
{
    const bool two = services_.generations.current()->policy->needs_second_person("reset_second_factor");
    auto record = permits_.record(request, "reset_second_factor");
    auto number = co_await logins().reset_factor(address, two, std::move(reason), std::move(record));
    if (!number) co_return denied(number.error(), request);
    if (!*number) co_return done(request, "the second factor is gone; sessions have ended");
    if (request.wants_text)
        co_return Response::text(fmt::format("case {}: a second person must agree\n", **number), 202);
    co_return Response::json({{"case", **number}}, 202);
}

LoginsApi::Answer LoginsApi::cases(Request request)
{
    auto permitted = co_await permits_.require(request, Act::see_cases);
    if (!permitted) co_return denied(permitted.error(), request);
    auto found = co_await logins().cases(request.query.contains("all"));
    if (!found) co_return denied(found.error(), request);
    json::array all;
    std::string text;
    for (const auto& one : *found) {
        text += fmt::format("{:>5}  {}  {:<14} {:<40} {} by {}{}{}\n", one.number, to_iso8601(one.at), one.kind,
                            one.about, one.state, one.opened_by, one.text.empty() ? "" : ": " + one.text,
                            one.outcome.empty() ? "" : fmt::format(" ({} by {})", one.outcome, one.closed_by));
        all.push_back({{"number", one.number},
                       {"at", to_iso8601(one.at)},
                       {"kind", one.kind},
                       {"about", one.about},
                       {"organisation", one.organisation},
                       {"opened_by", one.opened_by},
                       {"text", one.text},
                       {"state", one.state},
                       {"closed_by", one.closed_by},
                       {"outcome", one.outcome}});
    }
    if (request.wants_text) co_return Response::text(text.empty() ? "no case is open\n" : std::move(text));
    co_return Response::json({{"cases", std::move(all)}});
}

LoginsApi::Answer LoginsApi::decide(Request request, std::string which)
{
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(which.data(), which.data() + which.size(), number);
    if (failed != std::errc{} || end != which.data() + which.size())
        co_return wrong(request, "a case has a number", 404);
    auto permitted = co_await permits_.require(request, Act::handle_case);
    if (!permitted) co_return denied(permitted.error(), request);
    const auto said = object_in(request.body);
    const auto* grant = said.if_contains("grant");
    if (grant == nullptr || !grant->is_bool()) co_return wrong(request, "say grant: true or false");
    auto record = permits_.record(request, "handle_case");
    auto declared = rules();
    auto reason = printable(text_in(said, "reason"), 500);
    const bool grants = grant->get_bool();
    auto given = co_await logins().decide(number, grants, std::move(reason), std::move(declared), std::move(record));
    if (!given) co_return wrong(request, given.error().describe(), given.error().retry() == Retry::later ? 503 : 409);
    if (*given) co_return done(request, given_text(**given), given_json(**given));
    co_return done(request, "closed");
}

}  // namespace postern::control
