// Who asks, what they may, and the record that they did: what every request of the control protocol passes.
//
// Roles come from permissions.yaml `holders:` for users of this machine and administrators' certificates, and from the
// directory (grants, and organisations' `administrators:`) for people in whose name is asked. policy/powers decides. A
// denial goes into the audit before it is said. Runs on the caller's coroutine; any thread.
#pragma once

#include "control/http.hpp"
#include "directory/administration.hpp"
#include "gateway/services.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace postern::control {

class Permits {
public:
    template <class T>
    using Async = boost::asio::awaitable<T>;

    explicit Permits(gateway::Services services) : services_(services) {}

    /// Fills in request.caller, and request.actor where it acts for somebody. Fault (never): it may not act for them,
    /// or there is no such person; (later): the directory can't be asked.
    [[nodiscard]] Async<Result<void>> identify(Request& request);

    /// Decides on an act that concerns the whole service; a fault (never) says why not and stands in the audit already.
    [[nodiscard]] Async<Result<void>> require(const Request& request, vocabulary::Act act);
    /// The same on an address, or an organisation's id.
    [[nodiscard]] Async<Result<void>> require(const Request& request, vocabulary::Act act, std::string whom);
    /// Whether it may, in silence.
    [[nodiscard]] bool may(const Request& request, vocabulary::Act act, const policy::Subject& subject) const;

    /// A person of the directory with the roles that they hold.
    [[nodiscard]] Async<Result<policy::Caller>> person(mail::Address address);
    /// What an act would be about: an address, the id of an organisation, or nothing for the service as a whole.
    [[nodiscard]] Async<Result<policy::Subject>> subject(std::string whom);
    [[nodiscard]] policy::Subject organisation_subject(const std::string& id) const;

    /// Whether who asks may do all that the roles of this person allow, whether or not they are active now: nobody
    /// takes over, or hands out, more power than they have. Of organisations' administrators this is not asked.
    [[nodiscard]] Async<Result<void>> require_as_much(const Request& request, mail::Address address);
    [[nodiscard]] Async<Result<void>> require_as_much(const Request& request, vocabulary::Role role, std::string whom);

    /// A record of the audit with time, actor and act.
    [[nodiscard]] directory::AuditRecord record(const Request& request, std::string act, std::string target = {},
                                                std::string outcome = "done", std::string detail = {}) const;
    /// Adds it; a fault raises the alarm "audit".
    [[nodiscard]] Async<Result<void>> note(directory::AuditRecord record);

    /// The same for what somebody saw of another's data; once in a while, since a program may look all the time.
    [[nodiscard]] Async<Result<void>> note_look(const Request& request, std::string act, std::string target,
                                                std::string detail = {});

    /// The address in the member's own form, whichever it is given in; as it is where nobody owns its domain.
    [[nodiscard]] mail::Address own_form(const mail::Address& address) const;

private:
    [[nodiscard]] std::vector<policy::HeldRole> named_by_file(const mail::Address& address,
                                                              const std::string& organisation) const;
    /// By the organisation's file and by grants, whatever the entry's status.
    [[nodiscard]] Async<Result<std::vector<policy::HeldRole>>> roles_given(mail::Address address,
                                                                           std::string organisation);
    [[nodiscard]] bool consents(const policy::Caller& caller) const;
    [[nodiscard]] Async<Result<void>> decide(const Request& request, vocabulary::Act act, policy::Subject subject);
    [[nodiscard]] policy::SnapshotPtr policy() const { return services_.generations.current()->policy; }
    gateway::Services services_;
    std::mutex mutex_;
    std::unordered_map<std::string, Instant> looks_;  ///< under mutex_: what stands on record, and since when
};

/// What a request for a path needs on the whole service; nothing: its handler asks for itself, or there is no such
/// path.
[[nodiscard]] std::optional<vocabulary::Act> act_of(const Request& request);

/// 403, 400 or 503, as the fault says.
[[nodiscard]] Response denied(const Fault& fault, const Request& request);

}  // namespace postern::control
