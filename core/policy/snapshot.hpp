// One generation of policy: everything an administrator declared, checked and compiled.
//
// Immutable, shared as shared_ptr<const Snapshot> by all threads. A transaction pins one at MAIL FROM; each
// delivery attempt reads the one in force. Built by policy/compiler, published by gateway/reload.
#pragma once

#include "mail/address.hpp"
#include "policy/powers.hpp"
#include "policy/trail.hpp"
#include "ports/scripting.hpp"
#include "vocabulary/alerts.hpp"
#include "vocabulary/audit_rules.hpp"
#include "vocabulary/facts.hpp"
#include "vocabulary/login_rules.hpp"
#include "vocabulary/next_hop.hpp"
#include "vocabulary/node.hpp"
#include "vocabulary/organisation.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

/// routing.yaml `community:`.
struct Community {
    mail::Domain suffix;             ///< "cjsm.net"
    mail::Address operator_address;  ///< who answers for the service
    enum class Redirects { carry, refuse } redirects = Redirects::refuse;
    unsigned redirect_hops = 5;  ///< then 5.4.6
};

/// Whose domain it is, and in which of its two forms.
struct DomainOwner {
    const vocabulary::Organisation* organisation = nullptr;  ///< null: the suffix itself, shared by mailbox members
    const vocabulary::MappedDomain* domain = nullptr;        ///< null with a null organisation
    bool inside = false;                                     ///< found by its form inside the community
};

/// The smallest limit that holds and whose it is, as told to a sender: "Greenstone Chambers accepts at most 4 MiB".
struct SizeLimit {
    std::uint64_t bytes = 0;
    std::string whose;  ///< "this service", an organisation's name, or a rule's
};

/// What a connection has shown; `certificate` stays empty until the handshake.
struct Shown {
    vocabulary::Ip peer;
    bool certificate_trusted = false;            ///< issued by one of node.yaml's authorities, in date
    std::vector<std::string> certificate_names;  ///< DNS names of the leaf, lower case
    std::string certificate_sha256;              ///< lower-case hexadecimal; empty: none shown
};

/// Membership has four answers: `after_content` is for proofs that only the message can give (none is declared
/// yet), `ambiguous` is refused like a stranger, with an alert.
struct Membership {
    enum class Answer { stranger, member, ambiguous, after_content };
    Answer answer = Answer::stranger;
    const vocabulary::Organisation* organisation = nullptr;
};

/// A tag that held, with what it orders. Pointers into the snapshot.
struct TagOrder {
    std::string rule;            ///< "tagging.yaml:4 secure-subject"
    std::string subject_prefix;  ///< empty: subject untouched
    bool once = true;
    /// Values with ${...} filled in, ready to stand in a header: encoded (RFC 2047) and folded.
    std::vector<std::pair<std::string, std::string>> add_headers;
    std::vector<std::string> remove_headers;
    std::vector<std::pair<std::string, std::string>> replace_headers{};  ///< as add_headers; others of that name go
    friend bool operator==(const TagOrder&, const TagOrder&) = default;
};

/// A rate of limits.yaml that counts for this recipient.
struct RateOrder {
    std::string rule;  ///< "limits.yaml:9 one-sender"
    std::string name;  ///< "one-sender": names the counter, which a reload keeps
    std::string key;   ///< whose counter: "eric.brown@...", "greenstone"
    vocabulary::Rate rate;
    bool refuse = false;      ///< over: reject; else defer
    bool per_message = true;  ///< one for each message, whatever its recipients; else one for each recipient
    Fault over{Retry::later, "over a rate"};  ///< what the peer reads
};

/// What content.yaml decides about one recipient's copy. The first rule with a verdict decides, and none behind it is
/// considered; edits, notices and notes of the rules up to there add up, in order.
struct ContentDecision {
    enum class Verdict : std::uint8_t { deliver, reject, defer, quarantine, hold };
    Verdict verdict = Verdict::deliver;
    std::string rule;                          ///< that decided; empty: none did
    std::string rule_name;                     ///< what a release names: "no-programs", "virus Eicar-Test-Signature"
    std::optional<Fault> fault;                ///< of reject and defer: what the peer reads
    std::string reason;                        ///< of quarantine and hold
    std::optional<Duration> lasts;             ///< of quarantine and hold: how long; absent: as declared for all
    std::vector<TagOrder> edits;               ///< one for each rule that edits, in order
    std::optional<mail::Address> redirect_to;  ///< in its form inside the community
    std::vector<mail::Address> add_recipients;
    std::optional<std::uint64_t> limit;  ///< set_limit: bytes
    std::string limit_rule;
    std::vector<vocabulary::Order> notices;  ///< notify
    std::vector<std::string> notes;          ///< annotate
    std::vector<std::string> rules;          ///< that held, in order
};

/// What has to be found out about a message before its content can be decided: only what some rule asks for.
struct Needs {
    bool structure = false;  ///< attachment.*, or any script at stage message
    bool digests = false;    ///< attachment.sha256, or any such script
    bool types = false;      ///< attachment.detected_type
    bool members = false;    ///< attachment.member, .encrypted, .broken, .macros
    bool obstacles =
        false;             ///< content.yaml means something by encrypted, broken or macros, and viruses are looked for
    bool viruses = false;  ///< node.yaml declares signatures: then nothing passes unscanned
    bool first_contact = false;  ///< recipient.first_contact
};

/// What content.yaml says about mail that stays here, and about what the ledger keeps of any.
struct Keeping {
    Duration quarantine{std::chrono::days{30}};  ///< `quarantine: keep`: then deleted, and its sender is told
    Duration hold{std::chrono::days{1}};         ///< `hold: keep`: of a hold that names no time; then it goes on
    std::vector<std::string> record;             ///< `record:` names of fields whose values the ledger keeps
    std::vector<std::string> asked;  ///< names of fields that rules ask for ("header.X-Marking"); kept as digests
};

struct RouteOrder {
    std::string rule;  ///< "routing.yaml:6 archive-office", or "organisations/x.yaml:12 deliver_to"
    const vocabulary::NextHop* next_hop = nullptr;
};

class Snapshot {
public:
    virtual ~Snapshot() = default;

    [[nodiscard]] virtual std::uint64_t generation() const noexcept = 0;
    /// SHA-256 over the names of all files and the SHA-256 of each, hexadecimal.
    [[nodiscard]] virtual const std::string& hash() const noexcept = 0;
    [[nodiscard]] virtual const vocabulary::Node& node() const noexcept = 0;
    [[nodiscard]] virtual const Community& community() const noexcept = 0;
    [[nodiscard]] virtual const vocabulary::RetrySchedule& retry() const noexcept = 0;
    [[nodiscard]] virtual const std::vector<vocabulary::Organisation>& organisations() const noexcept = 0;
    /// Null if there is none of that id.
    [[nodiscard]] virtual const vocabulary::Organisation* organisation(std::string_view id) const noexcept = 0;
    /// Nothing if no member has that domain in either form.
    [[nodiscard]] virtual std::optional<DomainOwner> owner_of(const mail::Domain& domain) const noexcept = 0;

    /// Whose connection it is: the one organisation whose every listed proof holds.
    [[nodiscard]] virtual Membership membership(const Shown& shown) const noexcept = 0;
    /// Whether any member's declared networks hold this address (or a member declares none): decides between
    /// "use TLS first" and "not for you" before a certificate is seen.
    [[nodiscard]] virtual bool could_enter(const vocabulary::Ip& peer) const noexcept = 0;

    [[nodiscard]] virtual unsigned recipients_limit() const noexcept = 0;
    /// For SIZE in EHLO: the community's limit, bytes.
    [[nodiscard]] virtual std::uint64_t message_size() const noexcept = 0;
    /// What this member may send.
    [[nodiscard]] virtual SizeLimit sending_limit(const vocabulary::Organisation& sender) const = 0;
    /// What this recipient may receive, from this sender: community, organisation and limits.yaml rules. A rule that
    /// can't be decided counts; a Fault is a script's that failed, as its on_error says.
    [[nodiscard]] virtual Result<SizeLimit> receiving_limit(const vocabulary::Facts& facts,
                                                            Trail* trail = nullptr) const = 0;
    /// permissions.yaml `mail:`: whether this sender may write to this recipient. The first rule that holds decides;
    /// where none does, active members may. A Fault is what the peer reads. Stage recipient.
    [[nodiscard]] virtual Result<void> may_mail(const vocabulary::Facts& facts, Trail* trail = nullptr) const = 0;
    /// limits.yaml `rates:` that count for this recipient, in order. Stage recipient; nothing is counted here. A Fault:
    /// one can't be decided (later), or its script failed.
    [[nodiscard]] virtual Result<std::vector<RateOrder>> rates(const vocabulary::Facts& facts,
                                                               Trail* trail = nullptr) const = 0;

    [[nodiscard]] virtual const Needs& needs() const noexcept = 0;
    /// content.yaml, for one recipient: its rules, then what the scanner found (policy/findings). `except`: rule_name
    /// of decisions whose verdicts do not count this time (releases). Stage message.
    [[nodiscard]] virtual ContentDecision content(const vocabulary::Facts& facts,
                                                  std::span<const std::string> except = {},
                                                  Trail* trail = nullptr) const = 0;

    [[nodiscard]] virtual const Keeping& keeping() const noexcept = 0;
    /// permissions.yaml `dual_control:`: whether this act ("release_quarantine") needs a second person.
    [[nodiscard]] virtual bool needs_second_person(std::string_view act) const noexcept = 0;
    /// alerts.yaml; where there is none, nobody is told.
    [[nodiscard]] virtual const vocabulary::AlertPolicy& alerts() const noexcept = 0;
    /// permissions.yaml `roles:` and `holders:`: who may do what to whose data.
    [[nodiscard]] virtual const Powers& powers() const noexcept = 0;
    /// permissions.yaml `group_sender:`: whether mail in a group's name passes where it names no person.
    [[nodiscard]] virtual bool unnamed_may_send_as_group() const noexcept = 0;
    /// permissions.yaml `logins:`.
    [[nodiscard]] virtual const vocabulary::LoginRules& logins() const noexcept = 0;
    /// permissions.yaml `look_alikes:`: whether a new address that looks like another may be, for who is sure.
    [[nodiscard]] virtual bool look_alikes_asked() const noexcept = 0;
    /// permissions.yaml `audit:`.
    [[nodiscard]] virtual const vocabulary::AuditRules& audit() const noexcept = 0;
    /// permissions.yaml `ledger:`.
    [[nodiscard]] virtual const vocabulary::LedgerRules& ledger() const noexcept = 0;

    /// All tags whose conditions hold for this recipient, in the file's order. Stage message or later. A Fault is a
    /// verdict on the recipient: a tag can't be decided (later), or its script failed.
    [[nodiscard]] virtual Result<std::vector<TagOrder>> tags(const vocabulary::Facts& facts,
                                                             Trail* trail = nullptr) const = 0;
    /// Prefixes that are taken off a subject coming in (tags with `remove_on_entry: true`).
    [[nodiscard]] virtual const std::vector<std::string>& subject_prefixes_removed_on_entry() const noexcept = 0;
    /// First route that holds, else the member's own; next_hop null: nowhere to go (a mailbox member without
    /// declared mailboxes). Stage recipient or later. `unknown` conditions defer: Fault later.
    [[nodiscard]] virtual Result<RouteOrder> route(const vocabulary::Facts& facts, Trail* trail = nullptr) const = 0;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace postern::policy
