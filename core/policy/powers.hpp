// permissions.yaml `roles:` and `holders:`: who may do what to whose data. One function decides, and everything asks
// it: the control protocol, the command line's `may`, the paths of mail that ask for a person's permission.
//
// Values and a pure function; immutable once compiled; all threads. Nothing is allowed unless a role says so.
#pragma once

#include "vocabulary/acts.hpp"

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

/// One entry of `roles:`, with where it stands.
struct PowerGrant {
    vocabulary::Role role = vocabulary::Role::user;
    std::bitset<64> acts;  ///< by vocabulary::Act
    vocabulary::Reach reach = vocabulary::Reach::self;
    bool except_holders = false;  ///< `except: { holds_role: true }`
    std::uint32_t line = 0;
};

/// One entry of `holders:`: a role for who comes by the control socket or with an administrator's certificate.
struct PowerHolder {
    std::string who;  ///< name of a user of this machine, or the first name in a certificate
    vocabulary::Role role = vocabulary::Role::user;
    std::uint32_t line = 0;
};

/// A role that somebody holds, and why.
struct HeldRole {
    vocabulary::Role role = vocabulary::Role::user;
    std::string organisation;  ///< for own_organisation: whose data; empty for roles of the service
    std::string from;          ///< "permissions.yaml:40 holders", "granted by root on 2026-11-24"
};

/// Who asks.
struct Caller {
    std::string name;          ///< as it goes on record
    std::string key;           ///< Address::key() of a person of the directory; empty: of none
    std::string organisation;  ///< of that person
    std::vector<HeldRole> roles;
};

/// Whose data it is.
struct Subject {
    std::string shown;  ///< for texts: an address, an organisation, "the service"
    std::string key;    ///< Address::key() of a person or desk; empty: of none
    std::vector<std::string>
        organisations;        ///< its organisation, then those that this is a part of; empty: the service
    bool holds_role = false;  ///< a role other than user
};

struct PowerDecision {
    bool allowed = false;
    std::string rule;                 ///< "permissions.yaml:14 helpdesk"; empty where nothing allows it
    std::string reason;               ///< one sentence
    std::vector<std::string> looked;  ///< what was considered, a line each; filled where it was asked for
};

class Powers {
public:
    /// Nothing declared: who control lets in may everything, and nobody else anything.
    Powers() = default;
    Powers(std::vector<PowerGrant> grants, std::vector<PowerHolder> holders, bool roles_declared, bool holders_declared)
        : grants_(std::move(grants)),
          holders_(std::move(holders)),
          roles_declared_(roles_declared),
          holders_declared_(holders_declared)
    {
    }

    /// Decides. `explain`: also says what was looked at.
    [[nodiscard]] PowerDecision may(const Caller& caller, vocabulary::Act act, const Subject& subject,
                                    bool explain = false) const;
    /// Whether the caller may, on the service, all that this role allows somebody.
    [[nodiscard]] bool covers(const Caller& caller, vocabulary::Role role) const;
    /// Roles of who comes by the socket or with a certificate. `owner`: root or the engine's own user on this machine,
    /// who can read and change all of its files anyway, and is always a service administrator.
    [[nodiscard]] std::vector<HeldRole> roles_of_name(std::string_view name, bool owner) const;

    /// Whether permissions.yaml says by `holders:` who holds which role.
    [[nodiscard]] bool holders_declared() const noexcept { return holders_declared_; }

private:
    std::vector<PowerGrant> grants_;
    std::vector<PowerHolder> holders_;
    bool roles_declared_ = false;
    bool holders_declared_ = false;
};

}  // namespace postern::policy
