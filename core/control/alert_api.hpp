// Alerts and maintenance, as the command line asks for them.
//
//     GET  /v1/alerts?open= &limit=       GET  /v1/alerts/ID
//     POST /v1/alerts/test                body: {"rule": ..., "to": [...]}
//     POST /v1/alerts/acknowledge         body: {"id": ..., "comment": ...}
//     GET  /v1/maintenance
//     POST /v1/maintenance                body: {"from": ..., "to": ..., "text": ..., "at_before": ..., "intake": ...}
//     POST /v1/maintenance/cancel         body: {"id": ...}
#pragma once

#include "alert/engine.hpp"
#include "control/http.hpp"
#include "gateway/generations.hpp"

namespace postern::control {

class AlertApi {
public:
    AlertApi(alert::Engine& engine, gateway::Generations& generations) : engine_(engine), generations_(generations) {}

    [[nodiscard]] static bool is_for(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer list(Request request);
    [[nodiscard]] Answer show(Request request);
    [[nodiscard]] Answer test(Request request);
    [[nodiscard]] Answer acknowledge(Request request);
    [[nodiscard]] Answer windows(Request request);
    [[nodiscard]] Answer announce(Request request);
    [[nodiscard]] Answer cancel(Request request);

    alert::Engine& engine_;
    gateway::Generations& generations_;
};

}  // namespace postern::control
