#include "control/logins.hpp"

#include "base/text.hpp"
#include "control/given_password.hpp"
#include "control/json_body.hpp"
#include "control/login_owner.hpp"
#include "control/mailed_codes.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

using directory::Credentials;
using directory::LoginAnswer;
using vocabulary::Act;

constexpr std::string_view login_path = "/v1/login";
constexpr std::string_view logins_path = "/v1/logins/";
constexpr std::string_view questions_path = "/v1/login/questions";
constexpr std::string_view session_path = "/v1/session";
constexpr std::string_view session_end_path = "/v1/session/end";

std::string_view name_of(LoginAnswer::Outcome outcome)
{
    switch (outcome) {
        case LoginAnswer::Outcome::granted:
            return "granted";
        case LoginAnswer::Outcome::must_change:
            return "must_change";
        case LoginAnswer::Outcome::must_set_factor:
            return "must_set_factor";
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
           request.path.starts_with(logins_path) || request.path == session_path || request.path == session_end_path;
}

LoginsApi::Answer LoginsApi::handle(Request request)
{
    const bool post = request.method == "POST";
    if (post && request.path == login_path) return login(std::move(request), {});
    constexpr std::string_view below = "/v1/login/";
    if (request.method == "GET" && request.path == questions_path) return known_questions(std::move(request));
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
    if (post && (request.path == session_path || request.path == session_end_path)) return session(std::move(request));
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
    if (what.empty()) {
        const bool goes_on = flag_in(said, "session");
        co_return co_await check(std::move(request), std::move(given), goes_on);
    }
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
    if (what == "code") co_return co_await mail_a_code(std::move(request), std::move(given));
    if (what == "address-code") co_return co_await mail_address_code(std::move(request), std::move(given));
    if (what == "confirm-address") {
        auto code = text_in(said, "address_code");
        auto confirmed = co_await logins().confirm_address(std::move(given), std::move(code), declared, now);
        if (!confirmed) co_return wrong(request, confirmed.error().describe());
        co_return done(request, "the address outside is confirmed");
    }
    if (what == "confirm" || what == "confirm-mail") {
        // The code is that of the new factor, and not one of a factor that is there.
        const auto code = std::exchange(given.code, text_in(said, "old_code"));
        auto secret = text_in(said, "secret");
        Result<std::vector<std::string>> codes = std::vector<std::string>{};
        if (what == "confirm")
            codes = co_await logins().confirm_factor(std::move(given), std::move(secret), code, declared, now);
        else
            codes = co_await logins().confirm_mailed(std::move(given), code, declared, now);
        if (!codes) co_return wrong(request, codes.error().describe());
        json::array all;
        std::string text =
            codes->empty() ? "set up; the recovery codes that there are stay good" : "recovery codes, each good once:";
        for (const auto& one : *codes) {
            all.emplace_back(one);
            text += "\n  " + one;
        }
        co_return done(request, text, {{"recovery_codes", std::move(all)}});
    }
    co_return wrong(request, fmt::format("a login can't {}", printable(what, 60)), 404);
}

LoginsApi::Answer LoginsApi::check(Request request, Credentials given, bool goes_on)
{
    auto declared = rules();
    const Instant now = services_.clock.now();
    auto answer = co_await logins().check(std::move(given), declared, now);
    if (!answer) co_return denied(answer.error(), request);
    using Outcome = LoginAnswer::Outcome;
    if (answer->locked_now) {
        const Instant until = services_.clock.now() + rules().locked_for;
        services_.log.warning("login locked", {{"recipient", answer->address}, {"reason", "wrong answers"}});
        co_await tell_of_lock(answer->address, until);
    }
    json::object object{{"outcome", std::string(name_of(answer->outcome))}};
    if (answer->outcome == Outcome::needs_code) {
        json::array by;
        if (answer->by_program) by.emplace_back("program");
        if (answer->by_mail) by.emplace_back("mail");
        object["code_by"] = std::move(by);
    } else if (answer->outcome != Outcome::refused) {
        object["address"] = answer->address;
        object["organisation"] = answer->organisation;
        object["generation"] = answer->generation;
    }
    std::string text(name_of(answer->outcome));
    if (goes_on && answer->outcome == Outcome::granted) {
        auto begun = co_await logins().begin_session(std::move(*answer), declared, now);
        if (!begun) co_return denied(begun.error(), request);
        object["session"] = begun->token;
        object["ends"] = to_iso8601(begun->ends);
        object["idle_ends"] = to_iso8601(begun->idle_ends);
        text += "\n" + begun->token;
    }
    const unsigned code = object["outcome"] == "refused" ? 403 : 200;
    if (request.wants_text) co_return Response::text(text + "\n", code);
    co_return Response::json(object, code);
}

// Its owner is told, by who declared that in alerts.yaml: it may be somebody else who guesses.
boost::asio::awaitable<void> LoginsApi::tell_of_lock(std::string address, std::optional<Instant> until)
{
    const auto owner = co_await owner_of(services_, std::move(address));
    if (owner) ports::tell_login_locked(services_.alarms, *owner, until);
}

// The code leaves by mail alone; whoever asks learns only that it did.
LoginsApi::Answer LoginsApi::mail_a_code(Request request, Credentials given)
{
    const auto declared = rules();
    if (declared.mailed_code.to == vocabulary::MailedCodeRule::To::nobody)
        co_return wrong(request, "this service mails no codes; permissions.yaml: logins: { mailed_code: { to: any } }");
    auto code = co_await logins().new_mailed_code(std::move(given), declared, services_.clock.now());
    if (!code) {
        const unsigned status = code.error().retry() == Retry::later ? 503 : 403;
        co_return wrong(request, code.error().describe(), status);
    }
    const auto until = to_iso8601(code->until);
    auto sent = co_await mail_code(services_, std::move(*code));
    if (!sent) co_return denied(sent.error(), request);
    co_return done(request,
                   fmt::format("a code is on its way to the {} address; it is good until {}",
                               *sent == "secure" ? "secure" : "non-secure", until),
                   {{"to", *sent}, {"valid_until", until}});
}

// Nobody but who logs in gets one sent, and it goes nowhere but to the address in their own entry.
LoginsApi::Answer LoginsApi::mail_address_code(Request request, Credentials given)
{
    auto declared = rules();
    const Instant now = services_.clock.now();
    auto answer = co_await logins().check(std::move(given), declared, now);
    if (!answer) co_return denied(answer.error(), request);
    const auto address = mail::Address::parse(answer->address);
    using Outcome = LoginAnswer::Outcome;
    if (answer->outcome == Outcome::refused || answer->outcome == Outcome::needs_code || !address)
        co_return wrong(request, "log in first: the password, and the code of a second factor where there is one", 403);
    auto sent = co_await send_address_code(services_, *address);
    if (!sent) co_return denied(sent.error(), request);
    if (!*sent) co_return wrong(request, "no new address outside waits to be confirmed", 409);
    co_return done(
        request,
        fmt::format("a code is on its way to {}; it is good until {}", (*sent)->address, to_iso8601((*sent)->until)),
        {{"to", (*sent)->address}, {"valid_until", to_iso8601((*sent)->until)}});
}

// What a portal asks at each request: whose session this is, if it goes on.
LoginsApi::Answer LoginsApi::session(Request request)
{
    auto permitted = co_await permits_.require(request, Act::act_for_user);
    if (!permitted) co_return denied(permitted.error(), request);
    auto token = text_in(object_in(request.body), "token");
    request.body.clear();
    const Instant now = services_.clock.now();
    if (request.path == session_end_path) {
        auto ended = co_await logins().end_session(std::move(token), now);
        if (!ended) co_return denied(ended.error(), request);
        co_return done(request, *ended ? "ended" : "there was no such session", {{"changed", *ended}});
    }
    auto declared = rules();
    auto found = co_await logins().session(std::move(token), std::move(declared), now);
    if (!found) co_return denied(found.error(), request);
    if (!*found) co_return wrong(request, "this session has ended; log in again", 403);
    const auto& goes_on = **found;
    if (request.wants_text)
        co_return Response::text(fmt::format("{} until {}, or {} if it is not used\n", goes_on.address,
                                             to_iso8601(goes_on.ends), to_iso8601(goes_on.idle_ends)));
    co_return Response::json({{"address", goes_on.address},
                              {"organisation", goes_on.organisation},
                              {"ends", to_iso8601(goes_on.ends)},
                              {"idle_ends", to_iso8601(goes_on.idle_ends)}});
}

LoginsApi::Answer LoginsApi::one(Request request, std::string which, std::string what)
{
    auto named = co_await address_of(which);
    if (!named) co_return denied(named.error(), request);
    auto address = std::move(*named);
    const bool get = request.method == "GET";
    if (get && what.empty()) co_return co_await state(std::move(request), std::move(address));
    // Everybody may end their own sessions.
    if (!get && what == "end-sessions" && address.key() == request.caller.key)
        co_return co_await end_sessions(std::move(request), std::move(address));
    if (what == "unlock") co_return co_await unlock(std::move(request), std::move(which), std::move(address));
    auto act = what == "factor" ? Act::reset_second_factor : what == "invite" ? Act::add_user : Act::reset_password;
    auto permitted = co_await permits_.require(request, act, address.text());
    // A password that is given is a login taken over.
    if (permitted && what == "invite") permitted = co_await permits_.require_as_much(request, address);
    if (!permitted) co_return not_for(request, permitted.error(), which, address);
    if (get && what == "reset") co_return co_await questions(std::move(request), std::move(address));
    auto said = object_in(request.body);
    request.body.clear();
    if (!get && what == "reset")
        co_return co_await reset(std::move(request), std::move(which), std::move(address), std::move(said));
    if (!get && what == "invite") co_return co_await invite(std::move(request), std::move(address));
    if (!get && what == "end-sessions") co_return co_await end_sessions(std::move(request), std::move(address));
    if (!get && what == "factor") {
        auto reason = printable(text_in(said, "reason"), 500);
        co_return co_await reset_factor(std::move(request), std::move(address), std::move(reason));
    }
    co_return wrong(request, fmt::format("there is no {} {}", request.method, printable(request.path)), 404);
}

// A user name that nobody has becomes an address that nobody has: what follows must not tell.
boost::asio::awaitable<Result<mail::Address>> LoginsApi::address_of(std::string which)
{
    if (const auto parsed = mail::Address::parse(which)) co_return permits_.own_form(*parsed);
    auto owner = co_await logins().owner_of_name(which);
    if (!owner) co_return std::unexpected(owner.error());
    if (*owner) co_return **owner;
    auto nobody = mail::Address::parse(which + "@user.invalid");
    if (nobody) co_return std::move(*nobody);
    co_return fault(Retry::never, fmt::format("\"{}\" is no address and no user name", printable(which, 100)));
}

LoginsApi::Answer LoginsApi::state(Request request, mail::Address address)
{
    if (address.key() != request.caller.key) {
        auto permitted = co_await permits_.require(request, Act::see_hidden, address.text());
        if (!permitted) co_return denied(permitted.error(), request);
        auto noted = co_await permits_.note_look(request, "see_login", address.text());
        if (!noted) co_return denied(noted.error(), request);
    }
    auto found = co_await logins().state(address);
    if (!found) co_return denied(found.error(), request);
    if (!*found) co_return wrong(request, fmt::format("{} has no login", address.text()), 404);
    const auto& login = **found;
    json::array factors;
    if (login.by_program) factors.emplace_back("program");
    if (login.by_mail) factors.emplace_back("mail");
    json::object object{{"user_name", login.user_name},
                        {"password_changed", to_iso8601(login.changed)},
                        {"one_time", login.one_time},
                        {"second_factor", factors},
                        {"sessions", login.sessions},
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

LoginsApi::Answer LoginsApi::end_sessions(Request request, mail::Address address)
{
    auto record = permits_.record(request, "end_sessions");
    auto ended = co_await logins().end_sessions(address, std::move(record));
    if (!ended) co_return denied(ended.error(), request);
    // Who may not see logins does not learn here whether there is one.
    auto about = co_await permits_.subject(address.text());
    if (!about) co_return denied(about.error(), request);
    if (!*ended && permits_.may(request, Act::see_hidden, *about))
        co_return wrong(request, fmt::format("{} has no login", address.text()), 404);
    co_return done(request, "all sessions have ended");
}

LoginsApi::Answer LoginsApi::reset_factor(Request request, mail::Address address, std::string reason)
{
    const bool two = services_.generations.current()->policy->needs_second_person("reset_second_factor");
    auto record = permits_.record(request, "reset_second_factor");
    auto number = co_await logins().reset_factor(address, two, std::move(reason), std::move(record));
    if (!number) co_return denied(number.error(), request);
    const auto owner = co_await owner_of(services_, address.text());
    if (owner && *number) ports::tell_case_opened(services_.alarms, **number, "second_factor", *owner);
    if (owner && !*number) ports::tell_second_factor_reset(services_.alarms, *owner);
    if (!*number) co_return done(request, "the second factor is gone; sessions have ended");
    if (request.wants_text)
        co_return Response::text(fmt::format("case {}: a second person must agree\n", **number), 202);
    co_return Response::json({{"case", **number}}, 202);
}

}  // namespace postern::control
