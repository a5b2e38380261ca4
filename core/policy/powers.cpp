#include "policy/powers.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace postern::policy {

namespace {

using vocabulary::Act;
using vocabulary::name_of;
using vocabulary::Reach;
using vocabulary::Role;

std::string words(Reach reach)
{
    switch (reach) {
        case Reach::self:
            return "on their own data";
        case Reach::own_organisation:
            return "in their own organisation";
        case Reach::any_organisation:
            break;
    }
    return "in any organisation";
}

/// Why that grant does not reach the subject; empty: it does.
std::string obstacle(const PowerGrant& grant, const HeldRole& held, const Caller& caller, const Subject& subject)
{
    if (grant.except_holders && subject.holds_role && subject.key != caller.key)
        return subject.shown + " holds a role, which this entry excepts";
    switch (grant.reach) {
        case Reach::any_organisation:
            return {};
        case Reach::self:
            if (!subject.key.empty() && subject.key == caller.key) return {};
            return "it reaches their own data alone";
        case Reach::own_organisation:
            break;
    }
    if (held.organisation.empty()) return "it reaches their own organisation, and they hold the role in none";
    if (std::ranges::find(subject.organisations, held.organisation) != subject.organisations.end()) return {};
    return fmt::format("it reaches {} alone", held.organisation);
}

}  // namespace

PowerDecision Powers::may(const Caller& caller, Act act, const Subject& subject, bool explain) const
{
    PowerDecision decision;
    const std::string_view name = vocabulary::info(act).name;
    const auto note = [&](std::string line) {
        if (explain) decision.looked.push_back(std::move(line));
    };
    for (const auto& held : caller.roles) {
        if (explain) note(fmt::format("{} holds {}: {}", caller.name, name_of(held.role), held.from));
        if (!roles_declared_ && held.role == Role::service_administrator) {
            decision.allowed = true;
            decision.rule = "no roles are declared";
            decision.reason =
                fmt::format("{} administers the service, and permissions.yaml declares no roles", caller.name);
            return decision;
        }
        for (const auto& grant : grants_) {
            if (grant.role != held.role) continue;
            if (!grant.acts.test(static_cast<std::size_t>(act))) {
                if (explain)
                    note(fmt::format("permissions.yaml:{} {}: {} is not among its acts", grant.line,
                                     name_of(grant.role), name));
                continue;
            }
            auto why_not = obstacle(grant, held, caller, subject);
            if (!why_not.empty()) {
                if (explain) note(fmt::format("permissions.yaml:{} {}: {}", grant.line, name_of(grant.role), why_not));
                continue;
            }
            decision.allowed = true;
            decision.rule = fmt::format("permissions.yaml:{} {}", grant.line, name_of(grant.role));
            if (explain) decision.reason = fmt::format("{} may {} {}", name_of(grant.role), name, words(grant.reach));
            return decision;
        }
    }
    decision.reason = caller.roles.empty()
                          ? fmt::format("{} holds no role", caller.name)
                          : fmt::format("no role of {} allows {} on {}", caller.name, name, subject.shown);
    return decision;
}

bool Powers::covers(const Caller& caller, Role role) const
{
    for (const auto& grant : grants_) {
        if (grant.role != role) continue;
        for (const auto& info : vocabulary::acts())
            if (grant.acts.test(static_cast<std::size_t>(info.act)) && !may(caller, info.act, {}).allowed) return false;
    }
    return true;
}

std::vector<HeldRole> Powers::roles_of_name(std::string_view name, bool owner) const
{
    std::vector<HeldRole> held;
    if (owner) held.push_back({Role::service_administrator, {}, "owns this machine"});
    if (!holders_declared_ && !owner)
        held.push_back({Role::service_administrator, {}, "was let in, and permissions.yaml names no holders"});
    for (const auto& holder : holders_)
        if (holder.who == name)
            held.push_back({holder.role, {}, fmt::format("permissions.yaml:{} holders", holder.line)});
    return held;
}

}  // namespace postern::policy
