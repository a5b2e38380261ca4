// What the helpdesk does for somebody who can't log in: a reset or an opened lock, against facts that they know.
//
// What a helper hears must not tell who has a login: a name that nobody has is treated as any other, to the number of
// the case that is opened for it.
#include "base/text.hpp"
#include "control/given_password.hpp"
#include "control/json_body.hpp"
#include "control/login_owner.hpp"
#include "control/logins.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

using vocabulary::Act;

namespace {

Response printed(const Request& request, const std::vector<std::string>& questions)
{
    if (!request.wants_text) return Response::json({{"questions", json::array(questions.begin(), questions.end())}});
    std::string text;
    for (const auto& question : questions) text += question + "\n";
    return Response::text(std::move(text));
}

}  // namespace

// Who asked by a user name is not told whose it is.
Response LoginsApi::not_for(const Request& request, const Fault& refused, const std::string& which,
                            const mail::Address& address)
{
    if (refused.retry() == Retry::later || mail::Address::parse(which)) return denied(refused, request);
    auto said = refused.describe();
    for (auto at = said.find(address.text()); at != std::string::npos; at = said.find(address.text()))
        said.replace(at, address.text().size(), printable(which, 100));
    return Response::error(403, said, request.wants_text);
}

LoginsApi::Answer LoginsApi::known_questions(Request request)
{
    auto permitted = co_await permits_.require(request, Act::act_for_user);
    if (!permitted) co_return denied(permitted.error(), request);
    co_return printed(request, rules().reset_questions);
}

LoginsApi::Answer LoginsApi::questions(Request request, mail::Address address)
{
    auto declared = rules();
    auto asked = co_await logins().reset_questions(address, std::move(declared));
    if (!asked) co_return denied(asked.error(), request);
    co_return printed(request, *asked);
}

// In the audit it stands with the organisation whose domain it is, whether or not there is such an entry.
directory::AuditRecord LoginsApi::help_record(const Request& request, const char* act, const std::string& which,
                                              const mail::Address& address) const
{
    auto record = permits_.record(request, act, mail::Address::parse(which) ? address.text() : printable(which, 100));
    const auto owner = services_.generations.current()->policy->owner_of(address.domain());
    if (owner && owner->organisation) record.organisation = owner->organisation->id;
    return record;
}

// Whoever may suspend somebody and make them active again decides on the lock too, as an organisation's administrator
// does for their own people; who looks after nobody has to be shown that it is them.
LoginsApi::Answer LoginsApi::unlock(Request request, std::string which, mail::Address address)
{
    const bool get = request.method == "GET";
    auto about = co_await permits_.subject(address.text());
    if (!about) co_return denied(about.error(), request);
    if (permits_.may(request, Act::suspend_user, *about)) {
        if (get) co_return printed(request, {});
        co_return co_await unlock_as_administrator(std::move(request), std::move(address));
    }
    auto permitted = co_await permits_.require(request, Act::reset_password, address.text());
    if (!permitted) co_return not_for(request, permitted.error(), which, address);
    if (get) co_return co_await questions(std::move(request), std::move(address));
    const auto said = object_in(request.body);
    request.body.clear();
    if (!said.contains("answers"))
        co_return wrong(request,
                        "the lock is taken away when the security data was confirmed: send the answers to the "
                        "questions of GET; `postern user unlock` asks them",
                        409);
    auto answers = texts_in(said, "answers");
    auto record = help_record(request, "unlock_login", which, address);
    auto declared = rules();
    auto answer =
        co_await logins().unlock_by_facts(address, std::move(answers), std::move(declared), std::move(record));
    if (!answer) co_return denied(answer.error(), request);
    if (!answer->confirmed) co_return co_await refuse(std::move(request), std::move(address), std::move(*answer));
    if (answer->was_locked) co_await tell_unlocked(address.text(), "after known facts were confirmed");
    co_return done(request, answer->was_locked ? "yes\nunlocked" : "yes\nit was not locked",
                   {{"changed", answer->was_locked}});
}

LoginsApi::Answer LoginsApi::unlock_as_administrator(Request request, mail::Address address)
{
    auto record = permits_.record(request, "unlock_login");
    auto changed = co_await logins().unlock(address, std::move(record));
    if (!changed) co_return denied(changed.error(), request);
    if (*changed) co_await tell_unlocked(address.text(), "by an administrator");
    co_return done(request, *changed ? "unlocked" : "it was not locked", {{"changed", *changed}});
}

boost::asio::awaitable<void> LoginsApi::tell_unlocked(std::string address, std::string how)
{
    services_.log.info("login unlocked", {{"recipient", address}, {"reason", how}});
    const auto owner = co_await owner_of(services_, std::move(address));
    if (owner) ports::tell_login_unlocked(services_.alarms, *owner, how);
}

LoginsApi::Answer LoginsApi::reset(Request request, std::string which, mail::Address address, json::object said)
{
    auto record = help_record(request, "reset_password", which, address);
    auto declared = rules();
    auto answers = texts_in(said, "answers");
    auto answer = co_await logins().reset(address, std::move(answers), std::move(declared), std::move(record));
    if (!answer) co_return denied(answer.error(), request);
    if (!answer->confirmed) co_return co_await refuse(std::move(request), std::move(address), std::move(*answer));
    services_.log.info("password reset", {{"actor", request.caller.name}, {"recipient", address.text()}});
    const auto owner = co_await owner_of(services_, address.text());
    if (owner) ports::tell_password_reset(services_.alarms, *owner, "after known facts were confirmed");
    co_return done(request, "yes\n" + given_text(*answer->given), given_json(*answer->given));
}

// Not which answer was wrong, nor whether there is anybody to be right about.
LoginsApi::Answer LoginsApi::refuse(Request request, mail::Address address, directory::ResetAnswer answer)
{
    json::object object{{"done", false}};
    std::string text = "no";
    if (answer.case_number) {
        if (answer.case_is_new) {
            auto owner = co_await owner_of(services_, address.text());
            if (!owner)
                owner = ports::LoginOwner{address.text(), {}, {}};  // the service manager sees that it is nobody
            ports::tell_case_opened(services_.alarms, *answer.case_number, "reset", *owner);
        }
        object["case"] = *answer.case_number;
        text += fmt::format(": it goes to the service manager as case {}", *answer.case_number);
    }
    if (request.wants_text) co_return Response::text(text + "\n", 403);
    co_return Response::json(object, 403);
}

}  // namespace postern::control
