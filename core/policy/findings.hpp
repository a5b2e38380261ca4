// What the scanner found, as content.yaml means it: behind all rules, and never milder than declared.
//
// A rule decides about a virus, or about a reason why something can't be looked into, by asking for it: message.virus,
// message.unscannable, attachment.encrypted, .broken or .macros. What no rule has decided so meets `viruses:` and
// `unscannable:`, whatever other rules said: the strictest counts, and a message with a virus never goes on. Pure; any
// thread.
#pragma once

#include "policy/condition.hpp"
#include "policy/snapshot.hpp"
#include "policy/trail.hpp"
#include "vocabulary/findings.hpp"
#include "vocabulary/inspection.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace postern::policy {

/// `viruses:` and `unscannable:`.
struct FindingVerdicts {
    vocabulary::FindingVerdict viruses = vocabulary::FindingVerdict::reject;  ///< reject or quarantine
    std::array<vocabulary::FindingVerdict, vocabulary::obstacle_count> unscannable = meant_where_silent();
    std::string prefix = "NOT CHECKED: ";  ///< of the subject, for tag

    [[nodiscard]] static std::array<vocabulary::FindingVerdict, vocabulary::obstacle_count> meant_where_silent();
};

/// What a rule decides about, since its condition asks for it outside of `not`.
struct AskedFindings {
    bool viruses = false;
    std::array<bool, vocabulary::obstacle_count> obstacles{};

    /// And what the other decides about.
    void join(const AskedFindings& other) noexcept;
};
[[nodiscard]] AskedFindings asked_by(const When& when);

/// "virus Eicar-Test-Signature": what a release of a message with these viruses names.
[[nodiscard]] std::string release_name(const vocabulary::Inspection& seen);
/// Whether `except` names all viruses that were found: a release counts for what was known when it was asked for.
[[nodiscard]] bool is_released(const vocabulary::Inspection& seen, std::span<const std::string> except);

/// Makes `decision` as strict as what was found asks for. `asked`: what a rule decided about. `except`: names a verdict
/// of this kind that does not count this time, as an earlier decision's rule_name said it.
void meet_findings(const FindingVerdicts& declared, const vocabulary::Inspection& seen, const AskedFindings& asked,
                   std::span<const std::string> except, Trail* trail, ContentDecision& decision);

}  // namespace postern::policy
