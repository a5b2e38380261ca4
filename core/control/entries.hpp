// Entries of the directory, one at a time and many at once, and the roles that people hold.
//
//     GET  /v1/entries?like= &organisation= &kind= &status= &limit=
//     GET  /v1/entries/ADDRESS
//     POST /v1/entries           {"address", "create", "version", "set": {...}, "status", "members": {...}, "reason"}
//     POST /v1/entries/bulk      {"organisation", "domain", "dry_run", "csv"}: users with names and one-time passwords
//     GET  /v1/grants?who=       POST /v1/grants {"who", "role", "organisation", "take"}
//     POST /v1/directory/import?dry_run= &remove= &name= &organisation= &sure=   body: directory.yaml, or CSV where the
//                                name ends so; who is left out is removed only where that is asked for
//     GET  /v1/directory/import  how far it is
//     GET  /v1/directory/export?format= &organisation=
//     GET  /v1/directory/entry?address=                 for rehearsals
//
// What an order touches decides which acts are asked for. 409: changed by somebody else meanwhile.
#pragma once

#include "control/http.hpp"
#include "control/organisation_words.hpp"
#include "control/permits.hpp"

#include <boost/json/object.hpp>

namespace postern::control {

struct EntryOrder;

class EntriesApi {
public:
    EntriesApi(gateway::Services services, Permits& permits) : services_(services), permits_(permits) {}
    [[nodiscard]] static bool is_mine(const Request& request);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

private:
    using Answer = boost::asio::awaitable<Response>;
    [[nodiscard]] Answer list(Request request);
    [[nodiscard]] Answer show(Request request, std::string which);
    [[nodiscard]] Answer edit(Request request);
    [[nodiscard]] Answer bulk(Request request);
    [[nodiscard]] Answer grants(Request request);
    [[nodiscard]] Answer grant(Request request);
    [[nodiscard]] Answer import(Request request);
    [[nodiscard]] Answer progress(Request request);
    [[nodiscard]] Answer export_entries(Request request);
    [[nodiscard]] Answer entry(Request request);

    /// Whether the caller can find it, or sees all of its organisation.
    [[nodiscard]] bool is_seen(const Request& request, const directory::DirectoryEntry& entry) const;
    [[nodiscard]] boost::asio::awaitable<Result<void>> refuse_as_absent(const Request& request, const EntryOrder& order,
                                                                        directory::EntryKind kind);
    void tell_of_new_address(const directory::Edited& edited) const;
    /// One sentence about the address outside that has to be confirmed; empty: none has.
    [[nodiscard]] boost::asio::awaitable<std::string> ask_to_confirm(directory::Edited edited) const;
    void tell_of_new_addresses(const directory::Difference& difference) const;
    [[nodiscard]] bool sees_all_of(const Request& request, const std::string& organisation) const;
    [[nodiscard]] directory::Administration& administration() const { return services_.directory.administration(); }
    [[nodiscard]] policy::SnapshotPtr policy() const { return services_.generations.current()->policy; }

    gateway::Services services_;
    Permits& permits_;
    OrganisationWords organisation_words_;
};

}  // namespace postern::control
