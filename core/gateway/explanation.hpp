// A rehearsal in words for people, and in JSON for programs.
//
// Pure; any thread. What senders wrote is made printable.
#pragma once

#include "gateway/rehearsal.hpp"

#include <boost/json/object.hpp>
#include <string>

namespace postern::gateway {

struct ExplanationStyle {
    bool brief = false;  ///< rules that did not hold: only the clause that decided
    std::string policy;  ///< name of the directory, for the first lines
    std::size_t width = 120;
};

[[nodiscard]] std::string explanation_text(const Rehearsed& rehearsed, const ExplanationStyle& style);
[[nodiscard]] boost::json::object explanation_json(const Rehearsed& rehearsed);
/// One rule with its clauses, indented by `indent`.
[[nodiscard]] std::string rule_text(const policy::RuleSeen& rule, std::size_t indent, bool brief,
                                    std::size_t width = 120);
[[nodiscard]] boost::json::object rule_json(const policy::RuleSeen& rule);

}  // namespace postern::gateway
