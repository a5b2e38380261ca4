// Organisations in life: what each is and has to do; an outage that its own administrator announces; a sanction.
//
//     GET  /v1/organisations               GET /v1/organisations/ID
//     POST /v1/organisations/ID/suspend    {"kind": "outage" or "sanction", "until", "reason"}
//     POST /v1/organisations/ID/resume
//     POST /v1/organisations/ID/done       {"task"}: a yearly task is done
//
// A suspension stands in the organisation's own file: it goes live as a generation like any other, is seen by everybody
// who reads the policy, and ends with its `until`.
#pragma once

#include "control/generations.hpp"
#include "control/http.hpp"
#include "control/permits.hpp"

#include <string>
#include <string_view>

namespace postern::control {

class OrganisationsApi {
public:
    OrganisationsApi(gateway::Services services, Permits& permits, GenerationsApi& generations)
        : services_(services), permits_(permits), generations_(generations)
    {
    }
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer list(Request request);
    [[nodiscard]] Answer show(Request request, std::string id);
    [[nodiscard]] Answer suspend(Request request, std::string id);
    [[nodiscard]] Answer resume(Request request, std::string id);
    [[nodiscard]] Answer task_done(Request request, std::string id);
    using PolicyPtr = std::shared_ptr<const policy::Snapshot>;
    /// Puts the policy in force with that organisation's `suspended:`; empty: without. `checked`: the policy that said
    /// that this is allowed.
    [[nodiscard]] Answer with_suspension(Request request, std::string id, std::string yaml, std::string comment,
                                         PolicyPtr checked);
    /// The same on top of one generation; refused where another is in force.
    [[nodiscard]] Answer put_in_file(Request request, std::uint64_t base, std::string id, std::string yaml,
                                     std::string comment);

    gateway::Services services_;
    Permits& permits_;
    GenerationsApi& generations_;
};

/// A file with a top-level key set to that flow of YAML, or without the key where it is empty; all else stays, comments
/// among it.
[[nodiscard]] std::string with_top_level_key(std::string_view file, std::string_view key, std::string_view value);

}  // namespace postern::control
