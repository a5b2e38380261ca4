// Everything that the command line can ask of a running engine, by path.
//
//     GET  /v1/health?patience=           503 where the gateway is not healthy (gateway/health)
//     GET  /v1/status                     GET  /v1/trace?id= &from= &to= &since= &limit=
//     /v1/generations... and orders       GET  /v1/queue?id= &from= &to= &organisation= &held= &older_than= &limit=
//     GET  /v1/queue/ID                   POST /v1/queue/{retry,hold,release,remove,bounce}   body: the same as JSON
//     /v1/quarantine...                   (control/quarantine)
//     /v1/firmware...                     (control/firmware)        /v1/backup...       (control/backups)
//     /v1/entries..., /v1/grants, /v1/directory...   (control/entries)      /v1/audit..., /v1/may   (control/audit)
//     /v1/login..., /v1/logins..., /v1/cases...   (control/logins)       /v1/organisations...   (control/organisations)
//     GET  /metrics                       (also on the metrics' listener, where nothing else is answered)
//
// Answers are JSON, or text where the caller accepts text/plain. Errors: 400 with what is wrong, 404, 503 when a
// database is not available.
#pragma once

#include "control/alert_api.hpp"
#include "control/audit.hpp"
#include "control/backups.hpp"
#include "control/cases.hpp"
#include "control/entries.hpp"
#include "control/feed.hpp"
#include "control/firmware.hpp"
#include "control/generations.hpp"
#include "control/http.hpp"
#include "control/logins.hpp"
#include "control/organisations.hpp"
#include "control/person.hpp"
#include "control/quarantine.hpp"
#include "gateway/reload.hpp"
#include "gateway/services.hpp"
#include "session/sessions.hpp"

namespace postern::control {

class Api {
public:
    Api(gateway::Services services, gateway::Reload& reload, alert::Engine& alerts,
        const directory::AuditKey& audit_key, Instant started);

    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);
    /// What is due every hour (control/upkeep).
    [[nodiscard]] boost::asio::awaitable<void> keep_house();
    /// Makes the backup that is due, if one is, and takes away what nobody goes on sending. To be called every few
    /// seconds.
    void look_at_clock()
    {
        backups_.look_at_clock();
        firmware_.look_at_clock();
    }
    /// Only GET /metrics.
    [[nodiscard]] boost::asio::awaitable<Response> handle_metrics(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer dispatch(Request request);
    [[nodiscard]] Answer health(Request request);
    [[nodiscard]] Answer status(Request request);
    [[nodiscard]] Answer trace(Request request);
    [[nodiscard]] Answer queue_list(Request request);
    [[nodiscard]] Answer queue_show(Request request);
    [[nodiscard]] Answer queue_act(Request request);
    [[nodiscard]] Answer metrics(Request request);

    gateway::Services services_;
    gateway::Reload& reload_;
    Permits permits_;
    GenerationsApi generations_;
    QuarantineApi quarantine_;
    FirmwareApi firmware_;
    BackupsApi backups_;
    AlertApi alerts_;
    EntriesApi entries_;
    FeedApi feed_;
    AuditApi audit_;
    LoginsApi logins_;
    CasesApi cases_;
    PersonApi person_;
    OrganisationsApi organisations_;
    Instant started_;
};

}  // namespace postern::control
