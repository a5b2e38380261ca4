// Generations of policy, asked for and ordered: list, files, apply, confirm, revert, rollback, reload, check.
//
//     GET  /v1/generations                     GET  /v1/generations/N (or current)
//     GET  /v1/generations/N/files             ?name=FILE: that file as it is
//     POST /v1/reload                          POST /v1/confirm {"overwrite"}       POST /v1/revert
//     POST /v1/apply {"files", "try", "comment", "lift", "overwrite"}               POST /v1/check {"files"}
//     POST /v1/generations/N/rollback {"try", "comment", "lift", "overwrite"}; lift: ids of organisations whose
//                                              suspension it may end
//
// Runs on the I/O thread of its caller; the orders themselves are the reloading thread's. A policy that is not fit, or
// an order that can't be followed now, is 409.
#pragma once

#include "control/http.hpp"
#include "gateway/reload.hpp"
#include "gateway/services.hpp"

#include <optional>

namespace postern::control {

class GenerationsApi {
public:
    using Answer = boost::asio::awaitable<Response>;

    GenerationsApi(gateway::Services services, gateway::Reload& reload) : services_(services), reload_(reload) {}

    /// Whether such a path is answered here.
    [[nodiscard]] static bool knows(const Request& request);
    [[nodiscard]] Answer handle(Request request);

private:
    [[nodiscard]] Answer list(Request request);
    [[nodiscard]] Answer show(Request request, std::string which);
    [[nodiscard]] Answer files(Request request, std::string which);
    [[nodiscard]] Answer order(Request request, gateway::PolicyOrder order);
    /// "12", "current".
    [[nodiscard]] Result<std::uint64_t> number(const std::string& which) const;

    gateway::Services services_;
    gateway::Reload& reload_;
};

/// One generation; `in_force` is the number of the one that is.
[[nodiscard]] boost::json::object generation_json(const store::GenerationRecord& record, std::uint64_t in_force);
[[nodiscard]] std::string generation_text(const store::GenerationRecord& record, std::uint64_t in_force);
/// What came of an order, for the commands that give them and in status.
[[nodiscard]] boost::json::value reload_json(const gateway::ReloadReport& report);
[[nodiscard]] std::string reload_text(const gateway::ReloadReport& report, const std::string& directory);

}  // namespace postern::control
