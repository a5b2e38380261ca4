// Logins, asked for and ordered.
//
//     POST /v1/login                   {"user_name", "password", "code", "session"}: granted, must_change,
//                                      must_set_factor, needs_code or refused; with a session where it was wanted
//     POST /v1/login/{password,facts,factor,confirm,code,confirm-mail}     the same, and "new", "facts", nothing,
//                                      "secret", nothing (a code is mailed), "code"
//     POST /v1/login/{address-code,confirm-address}   a code is mailed to their new address outside; "address_code"
//     GET  /v1/login/questions         that people may answer, to be known by the helpdesk
//     POST /v1/session                 {"token"}: whose it is, while it goes on        POST /v1/session/end
//     GET  /v1/logins/WHO              by address or user name: state, without secrets
//     POST /v1/logins/WHO/{invite,end-sessions}
//     GET  /v1/logins/WHO/{reset,unlock}   the questions   POST {"answers": {question: answer}}
//                                      who looks after WHO is asked nothing to unlock
//     POST /v1/logins/WHO/factor   {"reason"}: takes the second factor away
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
    [[nodiscard]] Answer check(Request request, directory::Credentials given, bool goes_on);
    [[nodiscard]] Answer mail_a_code(Request request, directory::Credentials given);
    [[nodiscard]] Answer mail_address_code(Request request, directory::Credentials given);
    [[nodiscard]] Answer session(Request request);
    [[nodiscard]] boost::asio::awaitable<void> tell_of_lock(std::string address, std::optional<Instant> until);
    [[nodiscard]] Answer one(Request request, std::string which, std::string what);
    /// By address in either form, or by user name.
    [[nodiscard]] boost::asio::awaitable<Result<mail::Address>> address_of(std::string which);
    [[nodiscard]] Answer state(Request request, mail::Address address);
    [[nodiscard]] Answer invite(Request request, mail::Address address);
    [[nodiscard]] Answer unlock(Request request, std::string which, mail::Address address);
    [[nodiscard]] Answer unlock_as_administrator(Request request, mail::Address address);
    [[nodiscard]] boost::asio::awaitable<void> tell_unlocked(std::string address, std::string how);
    [[nodiscard]] Answer end_sessions(Request request, mail::Address address);
    [[nodiscard]] Answer questions(Request request, mail::Address address);
    [[nodiscard]] Answer known_questions(Request request);
    [[nodiscard]] Answer reset(Request request, std::string which, mail::Address address, boost::json::object said);
    [[nodiscard]] Answer refuse(Request request, mail::Address address, directory::ResetAnswer answer);
    [[nodiscard]] static Response not_for(const Request& request, const Fault& refused, const std::string& which,
                                          const mail::Address& address);
    [[nodiscard]] directory::AuditRecord help_record(const Request& request, const char* act, const std::string& which,
                                                     const mail::Address& address) const;
    [[nodiscard]] Answer reset_factor(Request request, mail::Address address, std::string reason);

    [[nodiscard]] directory::Logins& logins() const { return services_.directory.logins(); }
    [[nodiscard]] vocabulary::LoginRules rules() const { return services_.generations.current()->policy->logins(); }

    gateway::Services services_;
    Permits& permits_;
};

}  // namespace postern::control
