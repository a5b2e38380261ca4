// Mail that the ledger remembers, decided again under a policy: for `postern trace --explain` and `postern diff
// --replay`.
//
// Its content is gone: what conditions ask about it is known as far as its evidence was kept (gateway/evidence), and a
// decision that needs more says so. Blocking, on the caller's thread.
#pragma once

#include "base/fault.hpp"
#include "gateway/rehearsal.hpp"
#include "vocabulary/recorded.hpp"

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

namespace postern::gateway {

struct RecordedRecipient {
    std::string address;       ///< in its form inside the community
    std::string organisation;  ///< id
    std::optional<bool> first_contact{};
    bool added = false;  ///< by a rule: it is none of the envelope's
};

/// A message as `GET /v1/trace` tells of it.
struct RecordedMail {
    std::string id;
    Instant received{};
    std::uint64_t generation = 0;
    std::string organisation;
    mail::ReversePath sender;  ///< in its form inside the community
    std::string peer;
    std::uint64_t size = 0;
    vocabulary::Recorded content{};
    std::vector<RecordedRecipient> recipients;
    std::optional<vocabulary::Inspection> scan;  ///< what the scanner found then, without parts; nothing: not kept
};

/// Fault (never): not what a trace says of a message that a member sent.
[[nodiscard]] Result<RecordedMail> read_recorded(const boost::json::object& trace);

/// What the policy decides about it now. A recipient whose decision needs what was not kept has the verdict
/// "undecided".
[[nodiscard]] Rehearsed replay(const RehearsalDesk& desk, const RecordedMail& mail);

/// Clauses that were unknown for a recipient's decision: "content.yaml:7:11 attachment.name".
[[nodiscard]] std::vector<std::string> unknown_clauses(const RehearsedRecipient& recipient);

/// One recipient whose outcome differs.
struct OutcomeChange {
    std::string id;
    Instant received{};
    std::string sender;
    std::string recipient;
    std::string before;
    std::string after;
};

struct ReplayReport {
    std::size_t messages = 0;
    std::size_t recipients = 0;
    std::size_t undecided = 0;  ///< recipients
    std::vector<OutcomeChange> changes;
    std::vector<std::pair<std::string, std::size_t>> unknown;  ///< clause, and for how many recipients
};

/// Every recipient under both policies.
[[nodiscard]] ReplayReport replay_both(const RehearsalDesk& before, const RehearsalDesk& after,
                                       const std::vector<RecordedMail>& mails);
[[nodiscard]] std::string replay_text(const ReplayReport& report);
[[nodiscard]] boost::json::object replay_json(const ReplayReport& report);

}  // namespace postern::gateway
