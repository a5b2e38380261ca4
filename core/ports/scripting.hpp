// How policy and gateway have Lua run, without knowing Lua.
//
// Implemented by script/. A Scripts belongs to one generation: immutable for its callers, all threads; each call runs
// on the caller's thread in a sandboxed state of that thread and generation, within budgets of instructions, memory and
// time, so a call is bounded by some milliseconds whatever the script does.
#pragma once

#include "base/clock.hpp"
#include "vocabulary/actions.hpp"
#include "vocabulary/facts.hpp"
#include "vocabulary/order.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::ports {

/// A script's text as the loader read it.
struct ScriptSource {
    std::string file;  ///< relative to the policy's lua/ folder: "marking.lua"
    std::string bytes;
};

/// What is wrong with a script before it runs.
struct ScriptFault {
    std::string file;
    std::size_t line = 0;  ///< from 1; 0: the whole file
    std::string what;
    std::string remedy;
};

/// Words and texts that rules look up: `tables:` of content.yaml. A list is a table whose values are its keys.
using ScriptTables = std::map<std::string, std::map<std::string, std::string>>;

/// What one rule asks of its script.
struct ScriptCall {
    std::string_view file;  ///< "marking.lua"
    std::string_view rule;  ///< "content.yaml:9 marking": for logs, rate counters and the breaker
    vocabulary::RuleFile where = vocabulary::RuleFile::content;
    vocabulary::ActionSet may;  ///< an order beyond this is an error of the script
    bool rehearsal = false;     ///< explain and tests: rate counters count nothing
};

/// What came of it. With an error there are no orders and `holds` is absent: the rule's on_error decides.
struct ScriptAnswer {
    std::optional<bool> holds;              ///< it returned true or false; nil is false; absent: it returned orders
    std::vector<vocabulary::Order> orders;  ///< in the order it gave them
    std::string error;                      ///< "marking.lua:12: ..."; empty: none
    std::vector<std::string> said;          ///< lines of postern.log(), bounded
    Duration took{};
    std::uint64_t instructions = 0;  ///< about; what library functions charged for their input is among them
};

/// The compiled scripts of one generation.
class Scripts {
public:
    virtual ~Scripts() = default;
    [[nodiscard]] virtual bool has(std::string_view file) const noexcept = 0;
    [[nodiscard]] virtual ScriptAnswer run(const ScriptCall& call, const vocabulary::Facts& facts) const = 0;
};

/// Compiles. Thread-safe; made by main().
class ScriptMaker {
public:
    virtual ~ScriptMaker() = default;
    /// Every script is compiled and loaded once; what is wrong is added to `faults`, and then the answer is null.
    [[nodiscard]] virtual std::shared_ptr<const Scripts> make(std::vector<ScriptSource> sources, ScriptTables tables,
                                                              std::vector<ScriptFault>& faults) const = 0;
};

}  // namespace postern::ports
