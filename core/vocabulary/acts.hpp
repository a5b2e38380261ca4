// What people can do to the service and to each other's data, and the roles that they do it in: the one table that
// permissions.yaml, the control protocol and the audit share.
//
// Immutable; all threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace postern::vocabulary {

enum class Act : std::uint8_t {
    find_user,
    see_hidden,
    add_user,
    edit_entry,
    suspend_user,
    remove_user,
    manage_group,
    manage_list,
    reset_password,
    reset_second_factor,
    grant_role,
    see_organisation,
    suspend_organisation,
    sanction_organisation,
    import_directory,
    export_directory,
    read_feed,
    see_cases,
    handle_case,
    exceptional_access,
    see_messages,
    see_queue,
    manage_queue,
    see_quarantine,
    release_quarantine,
    delete_quarantine,
    see_status,
    manage_alerts,
    see_policy,
    apply_policy,
    see_firmware,
    manage_firmware,
    make_backup,
    restore_backup,
    see_audit,
    export_person,
    forget_person,
    act_for_user,
};

struct ActInfo {
    Act act;
    std::string_view name;
    std::string_view description;
    bool changes;  ///< whether it leaves something different behind
};

/// All, in the order of Act.
[[nodiscard]] std::span<const ActInfo> acts() noexcept;
[[nodiscard]] const ActInfo& info(Act act) noexcept;
[[nodiscard]] std::optional<Act> act_named(std::string_view name) noexcept;

enum class Role : std::uint8_t {
    user,
    organisation_administrator,
    helpdesk,
    service_manager,
    operations,
    service_administrator,
    auditor,
    portal,
};

struct RoleInfo {
    Role role;
    std::string_view name;
    std::string_view description;
};

/// All, in the order of Role.
[[nodiscard]] std::span<const RoleInfo> roles() noexcept;
[[nodiscard]] std::string_view name_of(Role role) noexcept;
[[nodiscard]] std::optional<Role> role_named(std::string_view name) noexcept;

/// On whose data a role may act. What concerns no organisation (the queue, the policy) is any_organisation's alone.
enum class Reach : std::uint8_t { self, own_organisation, any_organisation };
[[nodiscard]] std::string_view name_of(Reach reach) noexcept;
[[nodiscard]] std::optional<Reach> reach_named(std::string_view name) noexcept;

}  // namespace postern::vocabulary
