// A made-up transaction on the way that real mail takes: admission, recipients, judgement, composition, route, with a
// trail of everything that was looked at. Nothing is counted, stored, sent or remembered.
//
// `postern explain`, policy tests and replays are rehearsals. Blocking, on the caller's thread; several threads may
// rehearse under one policy at a time.
#pragma once

#include "gateway/rehearsed_people.hpp"
#include "policy/snapshot.hpp"
#include "policy/trail.hpp"
#include "ports/inspector.hpp"
#include "ports/people.hpp"
#include "vocabulary/inspection.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::gateway {

struct RehearsedMail {
    std::string
        connects_from;  ///< id of the organisation whose server brings it; empty: the one whose address `from` is
    mail::ReversePath from;
    std::vector<mail::Address> to;
    std::shared_ptr<const std::string> content;  ///< CRLF lines
    Instant at{};
    std::optional<bool> first_contact;   ///< absent: nobody looked, and clauses on it are unknown
    std::optional<vocabulary::Ip> peer;  ///< absent: an address of the organisation's networks
    std::string listener;                ///< empty: the first one that node.yaml declares
};

/// Whom a rehearsal asks.
struct RehearsalDesk {
    policy::SnapshotPtr policy;
    const PeopleIndex* people = nullptr;    ///< who is listed; null: see RehearsedPeople
    ports::People* directory = nullptr;     ///< asked instead of `people`, where given
    ports::Inspector* inspector = nullptr;  ///< asked what attachments hold; null: as `findings` says
    /// What a scanner is taken to find, viruses at any rate; without parts nothing is known of what attachments hold.
    vocabulary::Inspection findings{};
};

struct FieldChange {
    enum class What { added, removed, changed } what = What::added;
    std::string name;
    std::string before;  ///< decoded, one line
    std::string after;
};

struct RehearsedRecipient {
    std::string said;          ///< as RCPT said it; of one that a rule added: its address
    std::string address;       ///< in its form inside the community; empty: refused before that was known
    std::string organisation;  ///< id; empty: none
    std::string hop_address;   ///< as its next hop knows it
    std::string verdict;       ///< deliver, reject, defer, quarantine, hold, redirect, refuse
    std::string reply;         ///< what the sender's server reads about it; empty where it is taken
    std::string detail;        ///< why, for administrators only
    std::string rule;          ///< that decided: "content.yaml:5 no-programs"; empty: none did
    std::string reason;        ///< of quarantine and hold
    std::string added_by;      ///< rule that added it; empty: it is one of the envelope's
    std::string redirected_to;
    std::vector<std::string> rules;  ///< that held, in order
    std::vector<std::string> notes;
    std::vector<std::pair<std::string, std::string>> notices;  ///< to whom, and the text
    std::string route;                                         ///< rule
    std::string next_hop;                                      ///< where it goes, in words
    std::string limit_whose;
    std::uint64_t limit = 0;                                  ///< bytes; 0: not asked
    std::string subject;                                      ///< of the copy, decoded
    std::vector<FieldChange> changes;                         ///< of the header, from what came in to what goes out
    std::vector<std::pair<std::string, std::string>> fields;  ///< of the copy, decoded
    policy::Trail trail;                                      ///< each rule once
};

struct Rehearsed {
    std::string organisation;  ///< id of the sender's; empty: nobody's
    std::string organisation_name;
    std::string sender;   ///< in its form inside the community; "<>"
    std::string subject;  ///< as it came, decoded
    std::uint64_t size = 0;
    Instant at{};
    std::uint64_t generation = 0;
    std::string answer;              ///< the one SMTP reply that the transaction ends with
    std::vector<std::string> notes;  ///< what was assumed
    std::vector<RehearsedRecipient> recipients;
};

[[nodiscard]] Rehearsed rehearse(const RehearsalDesk& desk, const RehearsedMail& mail);

/// Every rule of the policy that can be walked over, by its label: for "which rules did no test reach".
[[nodiscard]] std::vector<std::string> all_rules(const policy::Snapshot& policy);

}  // namespace postern::gateway
