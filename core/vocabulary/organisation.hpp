// A member of the community, as declared in organisations/*.yaml. Immutable values shared by all threads.
#pragma once

#include "base/clock.hpp"
#include "mail/address.hpp"
#include "vocabulary/next_hop.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::vocabulary {

enum class Kind { server, mailbox };

/// Which of an organisation's addresses exist: those in the directory, all, or those its own server accepts.
enum class Users { listed, any, ask };

/// One domain of a member and the domain it has inside the community, one to one.
struct MappedDomain {
    mail::Domain domain;  ///< outside: greenstonechambers.co.uk (for a label of a mailbox member: the same as secure)
    mail::Domain secure;  ///< inside: greenstonechambers.co.uk.cjsm.net
};

/// The client certificate that a member's server must show: exactly one of the two is set.
struct CertificateProof {
    std::string name;    ///< DNS name in a certificate that a declared authority issued; lower case
    std::string sha256;  ///< of the certificate's DER form, 64 lower-case hexadecimal digits
};

/// How a member's server proves itself; every part that is set must hold.
struct Proof {
    std::vector<Network> networks;
    std::optional<CertificateProof> certificate;
};

/// A member whose mail is stopped for a time.
struct Suspension {
    enum class Kind { outage, sanction };  ///< outage: mail for it is held; sanction: mail from and for it is refused
    Kind kind = Kind::sanction;
    std::string reason;            ///< shown to senders where it is an outage
    std::optional<Instant> until;  ///< required for an outage
};

/// What a member's mail may weigh; absent means that only the community's limit counts.
struct OrganisationLimits {
    std::optional<std::uint64_t> message_size;  ///< bytes, for what it sends and what it receives
};

struct Organisation {
    std::string id;    ///< "greenstone": [a-z0-9-]{1,64}, unique
    std::string name;  ///< "Greenstone Chambers"
    Kind kind = Kind::server;
    std::string kind_of_body;  ///< free word such as "court", "police"; for conditions; may be empty
    std::string place;
    std::vector<std::string> roles;
    Users users = Users::listed;
    Duration ask_remembers{std::chrono::hours{24}};       ///< how long a "yes" of its server counts, with users: ask
    Duration ask_remembers_no{std::chrono::minutes{15}};  ///< how long a "no" counts
    std::vector<MappedDomain> domains;
    std::vector<mail::Address> administrators;
    std::string part_of;                 ///< id of the organisation that it is a part of; empty: of none
    std::string signatory;               ///< who accepts the terms each year; may be empty
    std::optional<Proof> connects_from;  ///< absent: nothing may come from it (mailbox members)
    std::optional<NextHop> deliver_to;   ///< always set for kind server
    OrganisationLimits limits;
    std::vector<std::string> alerts_also_to;  ///< non-secure addresses, syntax checked
    std::optional<Suspension> suspended;
    bool from_must_agree = true;  ///< From: must be one address of this member (product.md)

    /// Whether it is suspended at that time. The pointer is into this organisation.
    [[nodiscard]] const Suspension* suspension(Instant at) const noexcept
    {
        return suspended && (!suspended->until || at < *suspended->until) ? &*suspended : nullptr;
    }
};

}  // namespace postern::vocabulary
