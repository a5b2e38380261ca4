// What the people's directory and the audit tell: one call for each event, so that its fields are always those of the
// table (vocabulary/events) and rules of alerts.yaml reach a person at both addresses.
//
// Free functions over ports/alarms; thread-safe as that is. They say it each time they are called: who calls keeps in
// mind, durably, what was said (`password_step` gives the step to keep).
#pragma once

#include "ports/alarms.hpp"

#include <optional>
#include <string>
#include <vector>

namespace postern::ports {

/// Whose login it is.
struct LoginOwner {
    std::string user;          ///< the secure address, in its form inside
    std::string organisation;  ///< id
    std::string non_secure;    ///< the address for alerts outside; empty: none, or it is not confirmed
};

/// Wrong passwords locked a login. `until`: when it opens by itself; nothing: when somebody unlocks it.
void tell_login_locked(Alarms& alarms, const LoginOwner& owner, std::optional<Instant> until);

/// The step at which a user is to be told now that a password ends at `ends`: the shortest of `steps`
/// (AlertPolicy::thresholds of password_expiring) that has begun. Nothing: none has, the password has ended, or `told`
/// (the text of the step that was told last for this password; empty: none) is that one or a shorter one.
[[nodiscard]] std::optional<vocabulary::Threshold> password_step(const std::vector<vocabulary::Threshold>& steps,
                                                                 Instant ends, Instant now, const std::string& told);
/// Once for each step.
void tell_password_expiring(Alarms& alarms, const LoginOwner& owner, const vocabulary::Threshold& step, Instant ends);

/// The audit's chain of proof does not hold, or the service's own records were changed by somebody else. `what` names
/// the record ("audit", "archive"): the condition stands until clear_tampering(what).
void raise_tampering(Alarms& alarms, const std::string& what, const std::string& reason);
void clear_tampering(Alarms& alarms, const std::string& what);

}  // namespace postern::ports
