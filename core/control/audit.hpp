// The audit, asked for: search, export, the signed head, the public key, whether somebody may.
//
//     GET  /v1/audit?actor= &act= &target= &organisation= &outcome= &since= &until= &limit=
//     GET  /v1/audit/export        the whole chain, a record on each line
//     GET  /v1/audit/head          the end of the chain, signed
//     GET  /v1/audit/key           the public key, PEM
//     GET  /v1/audit/retention     how long records are kept, how many are over; POST: deletes those now
//     GET  /v1/may?who= &what= &whom=
//
// Reading the audit is an act of its own and stands in it.
#pragma once

#include "control/http.hpp"
#include "control/permits.hpp"

namespace postern::control {

class AuditApi {
public:
    AuditApi(gateway::Services services, Permits& permits, const directory::AuditKey& key)
        : services_(services), permits_(permits), key_(key)
    {
    }
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

    /// The end of the chain, signed now.
    [[nodiscard]] boost::asio::awaitable<Result<directory::AuditHead>> head();

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer search(Request request);
    [[nodiscard]] Answer export_all(Request request);
    [[nodiscard]] Answer show_head(Request request);
    [[nodiscard]] Answer retention(Request request);
    [[nodiscard]] Answer may(Request request);

    gateway::Services services_;
    Permits& permits_;
    const directory::AuditKey& key_;
};

/// Deletes what is older than permissions.yaml says, and puts that on record; number of records. Nothing where nothing
/// is declared. Fault (later): the directory's.
[[nodiscard]] boost::asio::awaitable<Result<std::size_t>> purge_audit(gateway::Services services, std::string actor);

}  // namespace postern::control
