// What a decision looked at, in the order in which it looked: what `explain` prints and traces keep.
//
// Filled by the evaluator itself while it decides, so that an explanation can't differ from the decision. Real traffic
// passes no trail, and nothing is written then. One thread at a time.
#pragma once

#include "base/clock.hpp"
#include "policy/condition.hpp"

#include <map>
#include <string>
#include <vector>

namespace postern::policy {

/// One clause of a condition with the value that it saw.
struct ClauseSeen {
    std::string place;   ///< "content.yaml:7:11"
    std::string field;   ///< "attachment.name"; "any", "not" and the like for the nodes between
    std::string wanted;  ///< as written: "*.exe, *.scr"
    std::string saw;     ///< the value or values, cut and made printable; "absent"; "not known yet"
    Truth held = Truth::unknown;
    unsigned depth = 0;  ///< nesting, for indenting
};

/// One rule.
struct RuleSeen {
    std::string file;  ///< "content.yaml"
    std::string rule;  ///< "content.yaml:5 no-programs"
    Truth held = Truth::unknown;
    std::string why_not;  ///< not considered at all: "decided by content.yaml:5 no-programs"; else empty
    std::vector<ClauseSeen> clauses;
    std::vector<std::string> orders;  ///< what it ordered, as vocabulary::describe says it
    std::string script;               ///< "marking.lua"; empty: none ran
    std::string script_error;
    std::vector<std::string> script_said;
    Duration script_took{};
};

struct Trail {
    std::vector<RuleSeen> rules;
};

/// A trail for each recipient of a rehearsed transaction, by Address::key() of its form inside the community; and
/// what was found before there was a recipient.
struct TrailBook {
    std::map<std::string, Trail> recipients;
    [[nodiscard]] Trail* of(const std::string& key) { return &recipients[key]; }
};

}  // namespace postern::policy
