// What people have to decide, and who may use whose mailbox for a time.
//
//     GET  /v1/cases?all=             POST /v1/cases/NUMBER {"grant", "reason"}
//     GET  /v1/accesses?about= &all=  POST /v1/accesses {"about", "who", "until", "reason"}: asks, or gives
//     POST /v1/accesses/NUMBER/end
//
// Who asked for what needs two people can't be the second; nobody decides about themselves.
#pragma once

#include "control/http.hpp"
#include "control/permits.hpp"
#include "directory/logins.hpp"

namespace postern::control {

class CasesApi {
public:
    CasesApi(gateway::Services services, Permits& permits) : services_(services), permits_(permits) {}
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer cases(Request request);
    [[nodiscard]] Answer decide(Request request, std::string which);
    [[nodiscard]] Answer accesses(Request request);
    [[nodiscard]] Answer ask_access(Request request);
    [[nodiscard]] Answer end_access(Request request, std::string which);
    [[nodiscard]] boost::asio::awaitable<void> tell(directory::Case decided);

    [[nodiscard]] directory::Logins& logins() const { return services_.directory.logins(); }
    gateway::Services services_;
    Permits& permits_;
};

}  // namespace postern::control
