// The typed documents: what each file of a policy says, before files are held against each other.
//
// Made by the readers (one for each kind of file), kept by the loader for as long as the file does not change,
// compiled into a snapshot. Immutable once read; shared between generations.
#pragma once

#include "policy/document.hpp"
#include "policy/findings.hpp"
#include "policy/powers.hpp"
#include "policy/rule.hpp"
#include "policy/source.hpp"
#include "ports/scripting.hpp"
#include "vocabulary/audit_rules.hpp"
#include "vocabulary/login_rules.hpp"
#include "vocabulary/machine.hpp"
#include "vocabulary/next_hop.hpp"
#include "vocabulary/node.hpp"
#include "vocabulary/organisation.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::policy {

/// A file that a policy names: it must be there and readable.
struct NamedFile {
    std::string path;
    Place place;
};

/// An entry of an organisation's `domains`; exactly one of the three forms.
struct DomainEntry {
    std::optional<mail::Domain> outside;
    std::optional<mail::Domain> secure;  ///< declared, not derived from the suffix
    std::string label;
    Place place;
};

struct OrganisationFile {
    vocabulary::Organisation organisation;  ///< without `domains`: these need the suffix
    std::vector<DomainEntry> domains;
    std::vector<Place> administrators;  ///< of each of organisation.administrators
    std::vector<Place> networks;        ///< of each of connects_from.networks
    Place id;
    Place part_of;
    Place proof;  ///< connects_from
    Place deliver_to;
    std::vector<NamedFile> named_files;
};

struct CommunityPart {
    std::optional<mail::Domain> suffix;
    Place suffix_place;
    std::optional<mail::Address> operator_address;
    Place operator_place;
    bool carry_redirects = false;
    unsigned redirect_hops = 5;
    bool refuse_outside_receipts = false;
};

struct RouteRule : Rule {
    vocabulary::NextHop next_hop;
};

struct RoutingFile {
    CommunityPart community;
    vocabulary::RetrySchedule retry;
    std::vector<RouteRule> routes;
    std::vector<NamedFile> named_files;
};

struct TagRule : Rule {
    std::string subject_prefix;
    bool once = true;
    bool remove_on_entry = false;
    std::vector<std::pair<std::string, TextTemplate>> add_headers;
    std::vector<std::string> remove_headers;
};

struct TaggingFile {
    std::vector<TagRule> tags;
};

struct LimitRule : Rule {
    std::optional<std::uint64_t> message_size;  ///< bytes; absent: what its script orders
};

/// Whose messages a rate counts together.
enum class RatePer : std::uint8_t {
    sender_address,
    sender_organisation,
    recipient_address,
    recipient_organisation,
    connection_address
};

struct RateRule : Rule {
    RatePer per = RatePer::sender_address;
    vocabulary::Rate allow;
    bool refuse = false;      ///< over: reject
    bool per_message = true;  ///< counts: messages
};

struct LimitsFile {
    std::uint64_t message_size = 10ULL << 20;  ///< bytes
    unsigned recipients = 200;
    std::vector<LimitRule> limits;
    std::vector<RateRule> rates;
};

/// A rule of permissions.yaml; its one order is allow or refuse, or there is none and its script says.
struct MailRule : Rule {
    OrderTemplates then;
};

struct PermissionsFile {
    std::vector<MailRule> mail;
    std::vector<std::string> dual_control;  ///< acts that need a second person
    Powers powers;
    vocabulary::LoginRules logins;
    vocabulary::AuditRules audit;
    vocabulary::LedgerRules ledger;
    std::vector<std::pair<std::string, Place>> factor_organisations;  ///< of logins.second_factor
    bool look_alikes_asked = false;                                   ///< `look_alikes: ask`
    bool unnamed_may_send_as_group = false;                           ///< `group_sender: { not_named: allow }`
    std::vector<NamedFile> named_files;
};

struct ContentRule : Rule {
    OrderTemplates then;
    AskedFindings asked;
};

struct ContentFile {
    std::vector<ContentRule> rules;
    ports::ScriptTables tables;
    std::optional<Duration> quarantine_keep;
    std::optional<Duration> hold_keep;
    std::vector<std::string> record;  ///< names of fields
    FindingVerdicts findings;
    std::optional<Place> declares_findings;  ///< where `viruses:` or `unscannable:` stands
};

struct NodeFile {
    vocabulary::Node node;
    Place secrets;
    Place credentials_of_backup;
    Place control;                               ///< of `remote:`, where it is declared
    std::optional<vocabulary::Machine> machine;  ///< the appliance below; absent where somebody else looks after it
    std::vector<NamedFile> named_files;
};

}  // namespace postern::policy
