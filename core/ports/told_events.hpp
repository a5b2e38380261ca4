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
/// Somebody took that lock away. `how` ends the sentence: "after known facts were confirmed".
void tell_login_unlocked(Alarms& alarms, const LoginOwner& owner, const std::string& how);

/// The step at which a user is to be told now that a password ends at `ends`: the shortest of `steps`
/// (AlertPolicy::thresholds of password_expiring) that has begun. Nothing: none has, the password has ended, or `told`
/// (the text of the step that was told last for this password; empty: none) is that one or a shorter one.
[[nodiscard]] std::optional<vocabulary::Threshold> password_step(const std::vector<vocabulary::Threshold>& steps,
                                                                 Instant ends, Instant now, const std::string& told);
/// A login will be locked since it is not used. Once for each step.
void tell_login_idle(Alarms& alarms, const LoginOwner& owner, const vocabulary::Threshold& step, Instant ends);
/// Somebody got a one-time password, or had their second factor taken away.
void tell_password_reset(Alarms& alarms, const LoginOwner& owner, const std::string& how);
void tell_second_factor_reset(Alarms& alarms, const LoginOwner& owner);
/// `owner.non_secure` is the address that counted until now; `rests_until`: when the new one counts at the earliest, if
/// its owner has confirmed it.
void tell_non_secure_changed(Alarms& alarms, const LoginOwner& owner, Instant rests_until);
/// `owner`: of the mailbox. `until`: nothing where it is for good; `ended`: it is over.
void tell_exceptional_access(Alarms& alarms, const LoginOwner& owner, const std::string& who,
                             std::optional<Instant> until, bool ended);
/// `kind`: what is to be decided ("reset"); about whom.
void tell_case_opened(Alarms& alarms, std::int64_t number, const std::string& kind, const LoginOwner& about);

/// A yearly task of an organisation. `step`: how long before `due`; empty text: it is due, or overdue.
void tell_organisation_task(Alarms& alarms, const std::string& organisation, const std::string& task,
                            const std::string& text, const vocabulary::Threshold& step, Instant due);
/// The audit's end, signed: one line.
void tell_audit_head(Alarms& alarms, const std::string& head);

/// Once for each step.
void tell_password_expiring(Alarms& alarms, const LoginOwner& owner, const vocabulary::Threshold& step, Instant ends);

/// The audit's chain of proof does not hold, or the service's own records were changed by somebody else. `what` names
/// the record ("audit", "archive"): the condition stands until clear_tampering(what).
void raise_tampering(Alarms& alarms, const std::string& what, const std::string& reason);
void clear_tampering(Alarms& alarms, const std::string& what);

}  // namespace postern::ports
