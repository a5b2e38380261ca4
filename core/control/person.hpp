// What is kept about one person, for a subject-access request, and its deletion.
//
//     GET  /v1/person/ADDRESS          entry, groups and lists, roles, login without secrets, who may read their mail,
//                                      cases, the audit's records, and the history of their messages without content
//     POST /v1/person/ADDRESS/forget   {"reason"}: deletes what is kept about who was removed
//
// Both are on record.
#pragma once

#include "control/http.hpp"
#include "control/permits.hpp"
#include "directory/administration.hpp"

#include <boost/json/object.hpp>

namespace postern::control {

class PersonApi {
public:
    PersonApi(gateway::Services services, Permits& permits) : services_(services), permits_(permits) {}
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer export_person(Request request, mail::Address address);
    [[nodiscard]] Answer forget(Request request, mail::Address address);
    /// What the ledger has of their mail, newest first.
    [[nodiscard]] boost::asio::awaitable<Result<boost::json::array>> messages_of(mail::Address address);

    gateway::Services services_;
    Permits& permits_;
};

}  // namespace postern::control
