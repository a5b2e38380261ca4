#include "ports/told_events.hpp"

#include <fmt/format.h>

namespace postern::ports {

namespace {

using vocabulary::EventId;

vocabulary::EventFields fields_of(const LoginOwner& owner)
{
    vocabulary::EventFields fields{{"user.address", owner.user}, {"organisation", owner.organisation}};
    if (!owner.non_secure.empty()) fields.emplace_back("user.non_secure", owner.non_secure);
    return fields;
}

std::string tampering_key(const std::string& what)
{
    return fmt::format("{} {}", vocabulary::info(EventId::tampering).alarm, what);
}

}  // namespace

void tell_login_locked(Alarms& alarms, const LoginOwner& owner, std::optional<Instant> until)
{
    alarms.tell(EventId::login_lockout, owner.user,
                fmt::format("The login of {} was locked after too many wrong passwords{}", owner.user,
                            until ? fmt::format("; it opens again at {}", to_iso8601(*until)) : std::string{}),
                fields_of(owner));
}

void tell_login_unlocked(Alarms& alarms, const LoginOwner& owner, const std::string& how)
{
    alarms.tell(EventId::login_unlocked, owner.user,
                fmt::format("The login of {} was locked, and was opened again {}; the password stays. If nobody did "
                            "this for you, tell the helpdesk at once",
                            owner.user, how),
                fields_of(owner));
}

std::optional<vocabulary::Threshold> password_step(const std::vector<vocabulary::Threshold>& steps, Instant ends,
                                                   Instant now, const std::string& told)
{
    if (now >= ends) return std::nullopt;
    const vocabulary::Threshold* due = nullptr;
    const vocabulary::Threshold* last = nullptr;
    for (const auto& step : steps) {
        if (step.text == told) last = &step;
        if (ends - step.duration <= now && (due == nullptr || step.duration < due->duration)) due = &step;
    }
    if (due == nullptr || (last != nullptr && last->duration <= due->duration)) return std::nullopt;
    return *due;
}

void tell_password_expiring(Alarms& alarms, const LoginOwner& owner, const vocabulary::Threshold& step, Instant ends)
{
    auto fields = fields_of(owner);
    fields.emplace_back("threshold", step.text);
    fields.emplace_back("ends", to_iso8601(ends));
    alarms.tell(EventId::password_expiring, owner.user,
                fmt::format("The password of {} ends at {}", owner.user, to_iso8601(ends)), std::move(fields));
}

void tell_login_idle(Alarms& alarms, const LoginOwner& owner, const vocabulary::Threshold& step, Instant ends)
{
    auto fields = fields_of(owner);
    fields.emplace_back("threshold", step.text);
    fields.emplace_back("ends", to_iso8601(ends));
    alarms.tell(
        EventId::login_idle, owner.user,
        fmt::format("The login of {} is not used and will be locked at {}; mail goes on", owner.user, to_iso8601(ends)),
        std::move(fields));
}

void tell_password_reset(Alarms& alarms, const LoginOwner& owner, const std::string& how)
{
    alarms.tell(
        EventId::password_reset, owner.user,
        fmt::format("The password of {} was reset {}; sessions have ended, a second factor stays. If nobody did "
                    "this for you, tell the helpdesk at once",
                    owner.user, how),
        fields_of(owner));
}

void tell_second_factor_reset(Alarms& alarms, const LoginOwner& owner)
{
    alarms.tell(EventId::second_factor_reset, owner.user,
                fmt::format("The second factor of {} was taken away; sessions have ended", owner.user),
                fields_of(owner));
}

void tell_non_secure_changed(Alarms& alarms, const LoginOwner& owner, Instant rests_until)
{
    alarms.tell(EventId::non_secure_changed, owner.user,
                fmt::format("The address outside the service of {} was changed. The new one counts when it has been "
                            "confirmed with the code that was mailed there, and not before {}; until then nothing "
                            "else is sent there",
                            owner.user, to_iso8601(rests_until)),
                fields_of(owner));
}

void tell_exceptional_access(Alarms& alarms, const LoginOwner& owner, const std::string& who,
                             std::optional<Instant> until, bool ended)
{
    auto fields = fields_of(owner);
    fields.emplace_back("who", who);
    if (until) fields.emplace_back("ends", to_iso8601(*until));
    alarms.tell(
        EventId::exceptional_access, owner.user,
        fmt::format("{} {} access to the mailbox of {}{}", who, ended ? "has no longer" : "was given", owner.user,
                    ended   ? std::string{}
                    : until ? " until " + to_iso8601(*until)
                            : " until it is taken away"),
        std::move(fields));
}

void tell_case_opened(Alarms& alarms, std::int64_t number, const std::string& kind, const LoginOwner& about)
{
    vocabulary::EventFields fields{{"user.address", about.user},
                                   {"organisation", about.organisation},
                                   {"case", std::to_string(number)},
                                   {"kind", kind}};
    alarms.tell(EventId::case_opened, fmt::format("case {}", number),
                fmt::format("Case {} ({}) about {} waits to be decided: postern case list", number, kind, about.user),
                std::move(fields));
}

void tell_organisation_task(Alarms& alarms, const std::string& organisation, const std::string& task,
                            const std::string& text, const vocabulary::Threshold& step, Instant due)
{
    vocabulary::EventFields fields{{"organisation", organisation}, {"task", task}};
    if (due > Instant{}) fields.emplace_back("ends", to_iso8601(due));
    if (!step.text.empty()) fields.emplace_back("threshold", step.text);
    alarms.tell(EventId::organisation_task, organisation,
                fmt::format("{}: {}; {}", organisation, text,
                            step.text.empty() || due <= Instant{} ? "it is due now" : "due at " + to_iso8601(due)),
                std::move(fields));
}

void tell_audit_head(Alarms& alarms, const std::string& head)
{
    alarms.tell(
        EventId::audit_head, "audit",
        fmt::format("The end of the audit's chain, signed. Keep this line where the gateway can't reach:\n{}", head),
        {{"head", head}});
}

void raise_tampering(Alarms& alarms, const std::string& what, const std::string& reason)
{
    alarms.raise(tampering_key(what), reason, {{"reason", reason}});
}

void clear_tampering(Alarms& alarms, const std::string& what)
{
    alarms.clear(tampering_key(what));
}

}  // namespace postern::ports
