// The control protocol's side of the quarantine.
//
//     GET  /v1/quarantine?id= &from= &to= &organisation= &older_than= &limit=
//     GET  /v1/quarantine/ID              who it is for, why it is there, header summary, attachments; never the
//     content POST /v1/quarantine/ID/release      body: {"reason": "..."}; 202: asked, a second person must release too
//     POST /v1/quarantine/ID/delete       body: {"reason": "..."}
#pragma once

#include "control/http.hpp"
#include "gateway/quarantine.hpp"

namespace postern::control {

class QuarantineApi {
public:
    explicit QuarantineApi(gateway::Services services) : services_(services), quarantine_(services) {}

    /// Whether the path is one of these.
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer list(Request request);
    [[nodiscard]] Answer show(Request request, std::string id);
    [[nodiscard]] Answer release(Request request, std::string id);
    [[nodiscard]] Answer discard(Request request, std::string id);

    gateway::Services services_;
    gateway::Quarantine quarantine_;
};

}  // namespace postern::control
