#include "vocabulary/acts.hpp"

#include <algorithm>
#include <array>

namespace postern::vocabulary {

namespace {

constexpr bool changes = true;
constexpr bool looks = false;

constexpr std::array all_acts{
    ActInfo{Act::find_user, "find_user", "Find entries of the directory, but for those that are ex-directory.", looks},
    ActInfo{Act::see_hidden, "see_hidden", "See ex-directory, suspended and removed entries, and all fields.", looks},
    ActInfo{Act::add_user, "add_user", "Add users and functions, one at a time or many.", changes},
    ActInfo{Act::edit_entry, "edit_entry", "Change an entry's name, details and non-secure address.", changes},
    ActInfo{Act::suspend_user, "suspend_user", "Suspend an entry and make it active again.", changes},
    ActInfo{Act::remove_user, "remove_user", "Remove an entry; its address stays known as one that was.", changes},
    ActInfo{Act::manage_group, "manage_group", "Make group mailboxes and say who reads, writes and mails there.",
            changes},
    ActInfo{Act::manage_list, "manage_list", "Make distribution lists, their members and who may send.", changes},
    ActInfo{Act::reset_password, "reset_password", "Give a one-time password after the security data was confirmed.",
            changes},
    ActInfo{Act::reset_second_factor, "reset_second_factor", "Take a second factor away, so that a new one is set up.",
            changes},
    ActInfo{Act::grant_role, "grant_role", "Give a person a role, and take it away.", changes},
    ActInfo{Act::see_organisation, "see_organisation", "See an organisation's state and what it has to do.", looks},
    ActInfo{Act::suspend_organisation, "suspend_organisation",
            "Announce an outage of an organisation: mail for it is held until its end.", changes},
    ActInfo{Act::sanction_organisation, "sanction_organisation",
            "Suspend an organisation: mail from and for it is refused.", changes},
    ActInfo{Act::import_directory, "import_directory", "Make organisations' entries what a file says.", changes},
    ActInfo{Act::export_directory, "export_directory", "Write an organisation's entries to a file.", looks},
    ActInfo{Act::read_feed, "read_feed", "Read the directory feed for other systems.", looks},
    ActInfo{Act::see_cases, "see_cases", "See cases that people have to decide.", looks},
    ActInfo{Act::handle_case, "handle_case", "Decide and close cases.", changes},
    ActInfo{Act::exceptional_access, "exceptional_access", "Ask for access to somebody's mailbox, and approve it.",
            changes},
    ActInfo{Act::see_messages, "see_messages", "See what became of messages, without content.", looks},
    ActInfo{Act::see_queue, "see_queue", "See what waits to be delivered.", looks},
    ActInfo{Act::manage_queue, "manage_queue", "Retry, hold, release, remove and bounce what waits.", changes},
    ActInfo{Act::see_quarantine, "see_quarantine", "See what is in quarantine, without content.", looks},
    ActInfo{Act::release_quarantine, "release_quarantine", "Let a message in quarantine go on.", changes},
    ActInfo{Act::delete_quarantine, "delete_quarantine", "Take a message in quarantine out for good.", changes},
    ActInfo{Act::see_status, "see_status", "See how the engine is doing.", looks},
    ActInfo{Act::manage_alerts, "manage_alerts", "Acknowledge and test alerts; announce maintenance.", changes},
    ActInfo{Act::see_policy, "see_policy", "See the policy and its generations, and check another.", looks},
    ActInfo{Act::apply_policy, "apply_policy", "Reload, apply, confirm, revert and roll back the policy.", changes},
    ActInfo{Act::see_firmware, "see_firmware", "See the appliance's version and what an update is doing.", looks},
    ActInfo{Act::manage_firmware, "manage_firmware", "Install, restart into and roll back the appliance's firmware.",
            changes},
    ActInfo{Act::make_backup, "make_backup", "Make a backup and fetch it; it is encrypted for the declared keys.",
            changes},
    ActInfo{Act::restore_backup, "restore_backup", "Make the gateway what a backup says.", changes},
    ActInfo{Act::see_audit, "see_audit", "Search, export and verify the audit.", looks},
    ActInfo{Act::export_person, "export_person", "Export what is kept about one person.", looks},
    ActInfo{Act::forget_person, "forget_person", "Delete what is kept about a person who was removed.", changes},
    ActInfo{Act::act_for_user, "act_for_user", "Ask as a person of the directory: the web portal, and support.",
            changes},
};

constexpr std::array all_roles{
    RoleInfo{Role::user, "user", "Every active user of the directory."},
    RoleInfo{Role::organisation_administrator, "organisation_administrator",
             "Those whom an organisation's file names under administrators, and whom it is granted."},
    RoleInfo{Role::helpdesk, "helpdesk", "Resets passwords across organisations."},
    RoleInfo{Role::service_manager, "service_manager", "Decides cases; speaks for the service to members."},
    RoleInfo{Role::operations, "operations", "Runs the queue and the machine."},
    RoleInfo{Role::service_administrator, "service_administrator", "Declares the policy; owns the machine."},
    RoleInfo{Role::auditor, "auditor", "Reads everything but content, and changes nothing."},
    RoleInfo{Role::portal, "portal", "Asks as people who have logged in with it, and does nothing in its own name."},
};

constexpr std::array<std::string_view, 3> reaches{"self", "own_organisation", "any_organisation"};

template <class Table>
consteval bool in_order(const Table& table, auto member)
{
    for (std::size_t i = 0; i < table.size(); ++i)
        if (static_cast<std::size_t>(table[i].*member) != i) return false;
    return true;
}
static_assert(in_order(all_acts, &ActInfo::act));
static_assert(in_order(all_roles, &RoleInfo::role));

}  // namespace

std::span<const ActInfo> acts() noexcept
{
    return all_acts;
}

const ActInfo& info(Act act) noexcept
{
    return all_acts[static_cast<std::size_t>(act)];
}

std::optional<Act> act_named(std::string_view name) noexcept
{
    const auto found = std::ranges::find(all_acts, name, &ActInfo::name);
    return found == all_acts.end() ? std::nullopt : std::optional(found->act);
}

std::span<const RoleInfo> roles() noexcept
{
    return all_roles;
}

std::string_view name_of(Role role) noexcept
{
    return all_roles[static_cast<std::size_t>(role)].name;
}

std::optional<Role> role_named(std::string_view name) noexcept
{
    const auto found = std::ranges::find(all_roles, name, &RoleInfo::name);
    return found == all_roles.end() ? std::nullopt : std::optional(found->role);
}

std::string_view name_of(Reach reach) noexcept
{
    return reaches[static_cast<std::size_t>(reach)];
}

std::optional<Reach> reach_named(std::string_view name) noexcept
{
    const auto found = std::ranges::find(reaches, name);
    if (found == reaches.end()) return std::nullopt;
    return static_cast<Reach>(found - reaches.begin());
}

}  // namespace postern::vocabulary
