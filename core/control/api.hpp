// Everything that the command line can ask of a running engine, by path.
//
//     GET  /v1/status                     GET  /v1/trace?id= &from= &to= &since= &limit=
//     /v1/generations... and orders       GET  /v1/queue?id= &from= &to= &organisation= &held= &older_than= &limit=
//     GET  /v1/queue/ID                   POST /v1/queue/{retry,hold,release,remove,bounce}   body: the same as JSON
//     /v1/quarantine...                   (control/quarantine)
//     /v1/firmware...                     (control/firmware)
//     POST /v1/directory/import?dry_run=  body: directory.yaml
//     GET  /metrics                       (also on the metrics' listener, where nothing else is answered)
//
// Answers are JSON, or text where the caller accepts text/plain. Errors: 400 with what is wrong, 404, 503 when a
// database is not available.
#pragma once

#include "control/alert_api.hpp"
#include "control/firmware.hpp"
#include "control/generations.hpp"
#include "control/http.hpp"
#include "control/quarantine.hpp"
#include "gateway/reload.hpp"
#include "gateway/services.hpp"
#include "session/sessions.hpp"

namespace postern::control {

class Api {
public:
    Api(gateway::Services services, gateway::Reload& reload, alert::Engine& alerts, Instant started);

    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);
    /// Only GET /metrics.
    [[nodiscard]] boost::asio::awaitable<Response> handle_metrics(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer status(Request request);
    [[nodiscard]] Answer trace(Request request);
    [[nodiscard]] Answer queue_list(Request request);
    [[nodiscard]] Answer queue_show(Request request);
    [[nodiscard]] Answer queue_act(Request request);
    [[nodiscard]] Answer directory_entry(Request request);
    [[nodiscard]] Answer import_directory(Request request);
    [[nodiscard]] Answer metrics(Request request);

    gateway::Services services_;
    gateway::Reload& reload_;
    GenerationsApi generations_;
    QuarantineApi quarantine_;
    FirmwareApi firmware_;
    AlertApi alerts_;
    Instant started_;
};

}  // namespace postern::control
