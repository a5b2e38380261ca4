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

void raise_tampering(Alarms& alarms, const std::string& what, const std::string& reason)
{
    alarms.raise(tampering_key(what), reason, {{"reason", reason}});
}

void clear_tampering(Alarms& alarms, const std::string& what)
{
    alarms.clear(tampering_key(what));
}

}  // namespace postern::ports
