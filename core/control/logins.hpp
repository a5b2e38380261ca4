// Logins and cases, asked for and ordered.
//
//     POST /v1/login                       {"user_name", "password", "code"}: granted, must_change, needs_code or
//     refused POST /v1/login/{password,facts,factor,confirm}     the same, and "new", "facts", nothing, "secret" GET
//     /v1/logins/ADDRESS              state, without secrets POST /v1/logins/ADDRESS/{invite,unlock} GET
//     /v1/logins/ADDRESS/reset        the questions           POST {"answers": {question: answer}} POST
//     /v1/logins/ADDRESS/factor       {"reason"}: takes the second factor away GET  /v1/cases?all= POST
//     /v1/cases/NUMBER {"grant", "reason"}
//
// Who may ask for a login check is who may act for users: the portal, the mailbox server. A refusal never says why.
#pragma once

#include "control/http.hpp"
#include "control/permits.hpp"
#include "directory/logins.hpp"

#include <boost/json/object.hpp>

namespace postern::control {

class LoginsApi {
public:
    LoginsApi(gateway::Services services, Permits& permits) : services_(services), permits_(permits) {}
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer login(Request request, std::string what);
    [[nodiscard]] Answer check(Request request, directory::Credentials given);
    [[nodiscard]] boost::asio::awaitable<void> tell_of_lock(std::string address, std::optional<Instant> until);
    [[nodiscard]] Answer one(Request request, std::string which, std::string what);
    [[nodiscard]] Answer state(Request request, mail::Address address);
    [[nodiscard]] Answer invite(Request request, mail::Address address);
    [[nodiscard]] Answer unlock(Request request, mail::Address address);
    [[nodiscard]] Answer questions(Request request, mail::Address address);
    [[nodiscard]] Answer reset(Request request, mail::Address address, boost::json::object said);
    [[nodiscard]] Answer reset_factor(Request request, mail::Address address, std::string reason);
    [[nodiscard]] Answer cases(Request request);
    [[nodiscard]] Answer decide(Request request, std::string which);

    [[nodiscard]] directory::Logins& logins() const { return services_.directory.logins(); }
    [[nodiscard]] vocabulary::LoginRules rules() const { return services_.generations.current()->policy->logins(); }

    gateway::Services services_;
    Permits& permits_;
};

}  // namespace postern::control
